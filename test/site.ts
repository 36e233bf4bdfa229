/** The whole program over a directory of its own, on free ports, in this process but for the hasher. */

import { mkdtempSync, realpathSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { factsOf, type Identity, identityOf } from "../files/identity.ts";
import { openRoot } from "../files/locate.ts";
import { openAlone } from "../request/open.ts";
import type { Site as ServedSite } from "../request/serve.ts";
import { type Options, parseCommandLine } from "../service/options.ts";

export interface Site extends Disposable {
  readonly directory: string;
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  readonly server: Bun.Server<undefined>;
  /** What it was started with. */
  readonly options: Options;
  /** What the server answers from. */
  readonly served: ServedSite;
  /** What was logged of things that went wrong. */
  readonly lines: string[];
}

const HASHER = [process.execPath, join(import.meta.dir, "../server.ts")];

/** Options that aren't given are as on the command line `rangesrv DIR`. */
export function startSite(
  options: Partial<Omit<Options, "directory">> = {},
  directory = temporaryDirectory(),
): Site {
  const lines: string[] = [];
  const parsed = parseCommandLine(["--", directory], {});
  if (parsed.kind !== "serve") throw new Error(parsed.kind);
  const own = { host: "127.0.0.1", port: 0, seedPort: 0 };
  const all: Options = { ...parsed.options, ...own, ...options };
  const log = (line: string) => void lines.push(line);
  const root = openRoot(directory, all);
  const { server, site, origin, metrics } = openAlone(root, all, log, () => {}, HASHER);
  const port = server.port ?? 0;
  return {
    directory,
    port,
    origin: `http://127.0.0.1:${port}`,
    // Without TLS it is the runtime's.
    server: server as Bun.Server<undefined>,
    served: site,
    options: all,
    lines,
    [Symbol.dispose]() {
      server.stop(true);
      metrics?.[Symbol.dispose]();
      origin[Symbol.dispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** An empty directory, by its real path; what is left of it goes when the tests are over. */
export function temporaryDirectory(above = tmpdir()): string {
  const directory = realpathSync(mkdtempSync(join(above, "rangesrv-")));
  made.push(directory);
  return directory;
}

const made: string[] = [];

export function removeTemporaryDirectories(): void {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
}

/** 2001-09-09: long settled, so that entity tags are strong. */
export const SETTLED = 1_000_000_000;

/** Writes a file that came to rest long ago. */
export function writeSettled(path: string, content: string | Uint8Array): void {
  writeFileSync(path, content);
  settle(path);
}

/** Makes a file look as if it came to rest long ago; `seconds` since 1970 tell versions apart. */
export function settle(path: string, seconds = SETTLED): void {
  utimesSync(path, seconds, seconds);
}

/** What a file is now; `path` has no link in it. */
export function identityAt(path: string): Identity {
  return identityOf(path, factsOf(statSync(path, { bigint: true })));
}

/**
 * Bytes that tell their own offset: 16-byte lines of the decimal offset of their
 * first byte. A wrong window of them can't look right.
 */
export function offsetBytes(length: number, mark = "0"): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let offset = 0; offset < length; offset += 16) {
    bytes.write(`${String(offset).padStart(15, mark)}\n`, offset, "latin1");
  }
  return bytes;
}
