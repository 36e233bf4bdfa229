/**
 * How the processes tell each other what goes on. A worker stands by with one open question;
 * its progress asks for a report, which the worker sends as a question of its own. A worker
 * that somebody watches keeps another question open; its progress is the text for them.
 *
 *     worker → supervisor   standby   never answered; progress: report now
 *                           report    what goes on in this worker
 *                           watch     never answered; progress: JSON, once a second
 *                           status    answered with JSON
 */

import { type Answers, type Asker, NoAnswer } from "../os/line.ts";
import type { Live, LiveDesk } from "./live.ts";
import type { ProcessReport, Reporter } from "./reporter.ts";

export type LiveTopics = {
  readonly standby: {
    readonly question: { readonly pid: number };
    readonly answer: undefined;
    readonly progress: undefined;
  };
  readonly report: {
    readonly question: { readonly pid: number; readonly report: ProcessReport };
    readonly answer: undefined;
  };
  readonly watch: {
    readonly question: { readonly addresses: boolean };
    readonly answer: undefined;
    readonly progress: string;
  };
  readonly status: {
    readonly question: { readonly addresses: boolean };
    readonly answer: string;
  };
};

/** Milliseconds. */
const LIMIT = 5_000;

/** The supervisor's end. */
export function liveAnswers(live: Live): Answers<LiveTopics> {
  const waiting = new Map<number, (report: ProcessReport | undefined) => void>();
  return {
    standby: ({ pid }, { progress, signal }) => {
      const remove = live.addSource(() => {
        const { promise, resolve } = Promise.withResolvers<ProcessReport | undefined>();
        waiting.get(pid)?.(undefined);
        waiting.set(pid, resolve);
        progress(undefined);
        return promise;
      });
      return ended(signal, () => {
        remove();
        waiting.get(pid)?.(undefined);
        waiting.delete(pid);
      });
    },
    report: ({ pid, report }) => {
      waiting.get(pid)?.(report);
      waiting.delete(pid);
      return undefined;
    },
    watch: ({ addresses }, { progress, signal }) => ended(signal, live.watch(addresses, progress)),
    status: ({ addresses }) => live.status(addresses),
  };
}

/** Resolves when the asker withdraws the question or is gone; `end` is called then. */
function ended(signal: AbortSignal, end: () => void): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const over = () => {
    end();
    resolve(undefined);
  };
  if (signal.aborted) over();
  else signal.addEventListener("abort", over, { once: true });
  return promise;
}

/** A worker's end. */
export class RemoteLive implements LiveDesk {
  readonly #line: Asker<LiveTopics>;

  /** Stands by with the reports of `reporter`. */
  constructor(line: Asker<LiveTopics>, reporter: Reporter) {
    this.#line = line;
    const { pid } = process;
    const progress = () => {
      const report = reporter.report(Date.now());
      line.ask("report", { pid, report }, { limit: LIMIT }).catch(ignoreGone);
    };
    line.ask("standby", { pid }, { progress }).catch(ignoreGone);
  }

  status(addresses: boolean): Promise<string> {
    return this.#line.ask("status", { addresses }, { limit: LIMIT });
  }

  watch(addresses: boolean, tell: (json: string) => void): () => void {
    const watching = new AbortController();
    const { signal } = watching;
    this.#line.ask("watch", { addresses }, { progress: tell, signal }).catch((error: unknown) => {
      if (!signal.aborted) ignoreGone(error);
    });
    return () => watching.abort();
  }
}

/** The supervisor is gone, or has too much to do: whoever looks sees the last state. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof NoAnswer)) throw error;
}
