import type { OpenFile } from "../files/open-file.ts";
/** Digests on the path of every request: at the price of one lookup, whoever computes them. */
import type { Digests } from "../http/digest.ts";

/** Milliseconds between two questions about a file that has no digests yet. */
const ASK_AGAIN = 1_000;

export class DigestMemo {
  /** An open file is one version, so that what was learned of it stays true. */
  readonly #known = new WeakMap<OpenFile, Digests>();
  readonly #askAgain = new WeakMap<OpenFile, number>();

  constructor(
    /** Tells them when they are known, at once or soon, and has them computed otherwise. */
    readonly ask: (file: OpenFile) => Digests | undefined | Promise<Digests | undefined>,
  ) {}

  /** The digests of an open file, when they are known; `now` in milliseconds. */
  of(file: OpenFile, now: number): Digests | undefined {
    const known = this.#known.get(file);
    if (known !== undefined) return known;
    if ((this.#askAgain.get(file) ?? 0) > now) return undefined;
    this.#askAgain.set(file, now + ASK_AGAIN);
    const told = this.ask(file);
    if (told instanceof Promise) {
      void told.then(
        (digests) => digests && this.#known.set(file, digests),
        // Whoever was asked is gone. The next one is asked again.
        () => {},
      );
      return undefined;
    }
    if (told !== undefined) this.#known.set(file, told);
    return told;
  }
}
