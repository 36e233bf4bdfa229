/** What a serving process asks of a hasher, whatever carries the questions. */

import type { SymlinkPolicy } from "../files/locate.ts";
import type { Digested, Job, Outcome, Place } from "./job.ts";

/** What is asked over the line between them. */
export type HasherTopics = {
  readonly hash: {
    readonly question: {
      readonly job: Job;
      /** Whether somebody waits for it. */
      readonly urgent: boolean;
    };
    readonly answer: Outcome;
    readonly progress: HashProgress;
  };
  /** What is kept of an info hash (20 bytes). */
  readonly find: { readonly question: Uint8Array; readonly answer: Place | undefined };
  /** What is kept of a job: none of its files is read for it. */
  readonly look: { readonly question: Job; readonly answer: Digested | undefined };
  /** Keeps what the info hash of a job is, if the job is kept. */
  readonly name: {
    readonly question: { readonly infoHash: Uint8Array; readonly place: Place };
    readonly answer: undefined;
  };
  /** Hashes and keeps every file of a tree, behind what is asked for. The answer is a line about it. */
  readonly crawl: {
    readonly question: Tree;
    readonly answer: string;
    /** A sign of life. */
    readonly progress: undefined;
  };
};

/** A directory that is served, and what of it. */
export interface Tree {
  readonly directory: string;
  readonly symlinks: SymlinkPolicy;
  readonly dotfiles: boolean;
}

/** Told when a job is taken in hand, and now and then while it is. */
export interface HashProgress {
  /** Bytes read so far. */
  readonly done: number;
  /** Bytes a second that the hasher reads of all jobs, when that is known. */
  readonly rate: number | undefined;
}

/** How a job ended; `lost` when it was withdrawn, or the hasher is gone. */
export type Answer = Outcome | { readonly kind: "lost" };

/** What is kept by an info hash, or that the hasher was lost before it could say. */
export type Found =
  | { readonly kind: "place"; readonly place: Place }
  | { readonly kind: "none" }
  | { readonly kind: "lost" };

export interface HashOptions {
  readonly urgent: boolean;
  readonly progress: (progress: HashProgress) => void;
  /** Aborted when nobody wants it any more. */
  readonly signal: AbortSignal;
}

/** Somebody who hashes, or knows who does. Its promises never reject. */
export interface Hasher extends Disposable {
  /** Milliseconds until it can be asked; 0 is now. */
  readonly wait: number;
  hash(job: Job, options: HashOptions): Promise<Answer>;
  find(infoHash: Uint8Array): Promise<Found>;
  /** Undefined when the hasher was lost, too. */
  look(job: Job): Promise<Digested | undefined>;
  name(infoHash: Uint8Array, place: Place): Promise<void>;
  /** Undefined when the hasher was lost. */
  crawl(tree: Tree): Promise<string | undefined>;
}
