/**
 * Digests on the path of every request, at the price of one lookup, and how far it is
 * gone for them: a plain answer carries what is known already, and reads no byte of a
 * file for it. Only a client that asks for digests makes somebody compute them.
 */

import type { Identity } from "../files/identity.ts";
import type { OpenFile } from "../files/open-file.ts";
import type { Digests } from "../http/digest.ts";
import { fileJob } from "./job.ts";
import { DigestMemory } from "./memory.ts";

/**
 * - `known`: in memory
 * - `kept`: or in the state directory, which takes another process a moment
 * - `computed`: or else computed in the background
 */
export type Need = "known" | "kept" | "computed";

/** Milliseconds between two questions about a file that has no digests yet. */
const ASK_AGAIN = 1_000;

/** Bytes of digests that whoever was asked may have forgotten, or has in another process. */
const HELD = 16 * 1024 * 1024;

/** What was asked about a file. An open file is one version, so that what was learned stays true. */
interface Asked {
  /** Held by a memory with a bound, here or where it was asked. */
  known: WeakRef<Digests> | undefined;
  /** Milliseconds. */
  again: number;
  computedAgain: number;
}

export class OpenFileDigests {
  readonly #asked = new WeakMap<OpenFile, Asked>();
  readonly #held = new DigestMemory(HELD);

  constructor(
    /** Tells digests when they are known, at once or soon. */
    readonly ask: (
      file: Identity,
      need: Need,
    ) => Digests | undefined | Promise<Digests | undefined>,
  ) {}

  /** The digests of an open file, when they are known; `wanted`: they are to be computed else. */
  of(file: OpenFile, wanted: boolean, now: number): Digests | undefined {
    const asked = this.#asked.get(file);
    const known = asked?.known?.deref();
    if (known !== undefined) return known;
    if (asked !== undefined && (wanted ? asked.computedAgain : asked.again) > now) return undefined;
    const again = now + ASK_AGAIN;
    const computedAgain = wanted ? again : (asked?.computedAgain ?? 0);
    const next: Asked = { known: undefined, again, computedAgain };
    this.#asked.set(file, next);
    // The state directory is looked into once for a version, and when its digests were forgotten.
    const look = asked === undefined || asked.known !== undefined ? "kept" : "known";
    const { identity } = file;
    const told = this.ask(identity, wanted ? "computed" : look);
    if (!(told instanceof Promise)) return this.#learn(identity, next, told);
    // When whoever was asked is gone, the next one is asked again.
    void told.then(
      (digests) => this.#learn(identity, next, digests),
      () => {},
    );
    return undefined;
  }

  #learn(file: Identity, asked: Asked, digests: Digests | undefined): Digests | undefined {
    if (digests === undefined) return undefined;
    asked.known = new WeakRef(digests);
    this.#held.keep(fileJob(file), { kind: "file", digests });
    return digests;
  }
}
