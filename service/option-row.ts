/**
 * What one row of the table of options (option-table.ts) says: how the option is named,
 * what it takes, and how its texts are read. A flag, a variable and a line of the file all
 * give texts, so each option has one reader, which throws `Mistake` (option-values.ts).
 */

import { readSwitch } from "./option-values.ts";

/** What a row may say besides. */
interface More {
  /** What the usage text names as the default of an option that has none. */
  readonly unset?: string;
  /** A variable of the system that gives the value when nothing else does. */
  readonly fallback?: string;
  /** Values that a shell offers. After FILE and DIR it offers files and directories. */
  readonly choices?: readonly string[];
  /** Whether `rangesrv hash` takes it too. */
  readonly hash?: true;
  /**
   * When a new value takes effect after SIGHUP. `now`: in processes that run. `workers`:
   * in the workers that take the place of the old. Without it: at the next start.
   */
  readonly reload?: "now" | "workers";
}

/** An option whose value is a `Value`. */
export interface Row<Value> extends More {
  /** Its flag without dashes, and its key in the file. Its variable is made of it. */
  readonly name: string;
  /** What stands for the value in the usage text; undefined: a boolean. */
  readonly placeholder: string | undefined;
  /** The default, as an operator would write it. */
  readonly standard: readonly string[];
  /** One line for the usage text, without a full stop. */
  readonly about: string;
  /** Whether it may be given again. */
  readonly many?: true;
  /** Whether it is the argument behind the flags, and has no flag. */
  readonly argument?: true;
  readonly read: (texts: readonly string[]) => Value;
}

type Reader<Value> = (text: string) => Value;

/** An option with a default. */
export function one<Value>(
  name: string,
  placeholder: string,
  read: Reader<Value>,
  standard: string,
  about: string,
  more: More = {},
): Row<Value> {
  const last = (texts: readonly string[]) => read(texts.at(-1) ?? standard);
  return { name, placeholder, standard: [standard], about, read: last, ...more };
}

/** An option that is undefined when it isn't given. */
export function maybe<Value>(
  name: string,
  placeholder: string,
  read: Reader<Value>,
  about: string,
  more: More = {},
): Row<Value | undefined> {
  const last = (texts: readonly string[]) => {
    const text = texts.at(-1);
    return text === undefined ? undefined : read(text);
  };
  return { name, placeholder, standard: [], about, read: last, ...more };
}

/** An option that may be given again. */
export function many<Value>(
  name: string,
  placeholder: string,
  read: Reader<Value>,
  about: string,
  more: More = {},
): Row<readonly Value[]> {
  const all = (texts: readonly string[]) => texts.map(read);
  return { name, placeholder, standard: [], about, many: true, read: all, ...more };
}

/** A boolean. The usage text shows the flag that changes it: `--no-NAME` when it is on by default. */
export function toggle(
  name: string,
  standard: boolean,
  about: string,
  more: More = {},
): Row<boolean> {
  const read = (texts: readonly string[]) => readSwitch(name, texts.at(-1) ?? String(standard));
  return { name, placeholder: undefined, standard: [String(standard)], about, read, ...more };
}

/** The argument behind the flags. */
export function argument<Value>(
  name: string,
  placeholder: string,
  read: Reader<Value>,
  about: string,
  more: More = {},
): Row<Value> {
  const only = (texts: readonly string[]) => read(texts.at(-1) ?? "");
  return { name, placeholder, standard: [], about, argument: true, read: only, ...more };
}
