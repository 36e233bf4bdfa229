/** What a serving process asks of a hasher, whatever carries the questions. */
import type { Job, Outcome } from "./job.ts";

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
  /** The job that a swarm knows by an info hash (20 bytes). */
  readonly find: { readonly question: Uint8Array; readonly answer: Job | undefined };
};

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
  | { readonly kind: "job"; readonly job: Job }
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
}
