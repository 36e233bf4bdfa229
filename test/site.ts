/** A real server over a directory of its own, on a free port, in this process. */
import { mkdtempSync, realpathSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { factsOf, type Identity, identityOf } from "../files/identity.ts";
import { openRoot } from "../files/locate.ts";
import { open, type SiteOptions } from "../server.ts";

export interface Site extends Disposable {
  readonly directory: string;
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  readonly server: Bun.Server<undefined>;
  /** What was logged. */
  readonly lines: string[];
}

export function startSite(
  options: Partial<Omit<SiteOptions, "directory">> = {},
  directory = temporaryDirectory(),
): Site {
  const lines: string[] = [];
  const all: SiteOptions = {
    ...{ host: "127.0.0.1", port: 0, prefix: "/data/", dotfiles: false, symlinks: "inside" },
    ...{ url: undefined, mirrors: [], negotiate: true },
    ...{ directory, ...options },
  };
  const server = open(openRoot(directory, all), all, (line) => void lines.push(line));
  const port = server.port ?? 0;
  return {
    directory,
    port,
    origin: `http://127.0.0.1:${port}`,
    server,
    lines,
    [Symbol.dispose]() {
      server.stop(true);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** An empty directory, by its real path; what is left of it goes when the tests are over. */
export function temporaryDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "rangesrv-")));
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
