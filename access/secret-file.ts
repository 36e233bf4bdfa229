/** The form that all files with secrets share: one entry a line, comments with #. No message quotes a line. */

/** Why a file can't be used, without its name. */
export class Unusable extends Error {}

export interface Line {
  readonly line: string;
  /** Counted from 1. */
  readonly number: number;
}

/** Lines that are no comment, without the blanks around them. */
export function linesOf(text: string): readonly Line[] {
  return text
    .split(/\r?\n/)
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => line !== "" && !line.startsWith("#"));
}
