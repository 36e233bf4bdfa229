/** A hasher for tests, started from source: what it was asked for, what it reads, and its process. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HasherChild, type HasherOptions } from "../digests/hasher-child.ts";
import type { Answer, HashRequest } from "../digests/hasher-questions.ts";
import type { Job } from "../digests/job.ts";
import { temporaryDirectory } from "./site.ts";

const PROGRAM = join(import.meta.dir, "hasher.ts");

export class WatchedHasher extends HasherChild {
  /** `path urgent` or `path background`, of each question to hash. */
  readonly asked: string[] = [];
  /** Paths of jobs that it has begun to read. */
  readonly begun = new Set<string>();
  readonly #pidFile: string;

  constructor(options: HasherOptions) {
    const pidFile = join(temporaryDirectory(), "pid");
    super({ command: [process.execPath, PROGRAM, pidFile], ...options });
    this.#pidFile = pidFile;
  }

  /** Of the process that was started last; undefined before the first. */
  get pid(): number | undefined {
    return existsSync(this.#pidFile) ? Number(readFileSync(this.#pidFile, "utf8")) : undefined;
  }

  override hash(job: Job, request: HashRequest): Promise<Answer> {
    this.asked.push(`${job.path} ${request.urgent ? "urgent" : "background"}`);
    return super.hash(job, {
      ...request,
      progress: (progress) => {
        this.begun.add(job.path);
        request.progress(progress);
      },
    });
  }
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
