/**
 * The hasher as a serving process asks it: the questions, their answers, and what it
 * tells meanwhile. hasher-child.ts asks the process that hashes; tests put another
 * hasher in its place.
 */

import type { SymlinkPolicy } from "../files/locate.ts";
import type { Digested, Job, Outcome, Place } from "./job.ts";

/** The questions that go over the line to the hasher's process. */
export type HasherTopics = {
  /** Hash this job, or find its digests in the store. */
  readonly hash: {
    readonly question: {
      readonly job: Job;
      /** Whether a client waits for it. */
      readonly urgent: boolean;
    };
    readonly answer: Outcome;
    readonly progress: HashProgress;
  };
  /** Which job has this info hash (20 bytes), by the store. */
  readonly find: { readonly question: Uint8Array; readonly answer: Place | undefined };
  /** Digests of this job that are in the store. Its files are not read. */
  readonly look: { readonly question: Job; readonly answer: Digested | undefined };
  /** Store the info hash of a job whose digests are in the store. */
  readonly name: {
    readonly question: { readonly infoHash: Uint8Array; readonly place: Place };
    readonly answer: undefined;
  };
  /** Hash every file of a tree when no other job waits. The answer is a log line. */
  readonly crawl: {
    readonly question: Tree;
    readonly answer: string;
    /** A sign of life. */
    readonly progress: undefined;
  };
};

/** How many bytes were read for digests since the last such message: to the parent, unasked. */
export interface BytesRead {
  readonly kind: "read";
  readonly bytes: number;
}

/** A directory that is served, and which of its files are. */
export interface Tree {
  readonly directory: string;
  readonly symlinks: SymlinkPolicy;
  readonly dotfiles: boolean;
}

/** Sent when the hasher begins or leaves a job, and every quarter of a second while it reads. */
export interface HashProgress {
  /** Bytes read so far. */
  readonly done: number;
  /** Bytes a second that the hasher reads of all jobs; undefined before it has measured. */
  readonly rate: number | undefined;
}

/** How a job ended; `lost`: the question was withdrawn, or the hasher is gone. */
export type Answer = Outcome | { readonly kind: "lost" };

/** What the store has for an info hash; `lost`: the hasher went before it answered. */
export type Found =
  | { readonly kind: "place"; readonly place: Place }
  | { readonly kind: "none" }
  | { readonly kind: "lost" };

export interface HashRequest {
  readonly urgent: boolean;
  readonly progress: (progress: HashProgress) => void;
  /** Aborted to withdraw the question. */
  readonly signal: AbortSignal;
}

/** Its promises never reject. */
export interface Hasher extends Disposable {
  /** Milliseconds until it can be asked; 0 is now. */
  readonly wait: number;
  /** Bytes that were read for digests, by all processes that this one started. */
  readonly bytesRead: number;
  hash(job: Job, request: HashRequest): Promise<Answer>;
  find(infoHash: Uint8Array): Promise<Found>;
  /** Undefined when the store has none, and when the hasher was lost. */
  look(job: Job): Promise<Digested | undefined>;
  name(infoHash: Uint8Array, place: Place): Promise<void>;
  /** Undefined when the hasher was lost. */
  crawl(tree: Tree): Promise<string | undefined>;
}
