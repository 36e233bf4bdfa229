/**
 * Attacks on the hasher: a client has endless files hashed, or the process is stopped or
 * killed. Other clients get their digests, and every request is answered.
 */

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Running, startBinary } from "../binary.ts";
import { offsetBytes, settle, temporaryDirectory, writeSettled } from "../site.ts";
import { ask } from "../wire.ts";
import { processesOf, UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(60_000);

const LINUX = process.platform === "linux";
const MIB = 1024 * 1024;

/** A directory with two small files, one of 24 MiB, and 1000 that are sparse and take hours to read. */
function writeTree(): string {
  const directory = temporaryDirectory();
  writeSettled(join(directory, "small"), "SMALL");
  writeSettled(join(directory, "other"), "OTHER");
  writeSettled(join(directory, "medium"), offsetBytes(24 * MIB));
  mkdirSync(join(directory, "large"));
  for (let n = 0; n < 1000; n++) {
    const path = join(directory, "large", `${n}`);
    writeFileSync(path, "");
    truncateSync(path, 2 ** 39);
    settle(path);
  }
  return directory;
}

/** Pid of the hasher: a server without workers has no other child. */
function hasherOf(running: Running): number | undefined {
  return processesOf(running.process.pid)[1];
}

async function head(port: number, path: string): Promise<number> {
  return (await ask(port, "HEAD", `/data/${path}`)).status;
}

/** Asks up to `tries` times until the document is there. Returns the last status. */
async function obtain(port: number, path: string, tries = Infinity): Promise<number> {
  let status = 0;
  for (let n = 0; n < tries && status !== 200; n++) status = await head(port, path);
  return status;
}

test.each([
  ["one endless file", 1],
  ["1000 endless files", 1000],
])("Small and medium files get digests while a client has %s hashed", async (_why, count) => {
  const directory = writeTree();
  await using running = await startBinary([directory]);
  const { port } = running;
  const statuses: number[] = [];
  const seen = await withstand(
    running,
    "small",
    async () => {
      const first = await head(port, "large/0.sha256");
      const large = Array.from({ length: count }, (_, n) => head(port, `large/${n}.sha256`));
      const small = await obtain(port, "small.sha256", 50);
      const medium = await obtain(port, "medium.sha256", 50);
      statuses.push(first, ...new Set(await Promise.all(large)), small, medium);
    },
    120,
  );
  expect({ ...seen, statuses }).toEqual({ ...UNHARMED, statuses: [503, 503, 200, 200] });
});

test.if(LINUX)("While the hasher is stopped, requests are answered with 503", async () => {
  const directory = writeTree();
  await using running = await startBinary([directory]);
  const { port } = running;
  const answers: unknown[] = [];
  const seen = await withstand(
    running,
    "small",
    async () => {
      answers.push(await obtain(port, "small.sha256"));
      const hasher = hasherOf(running) ?? 0;
      process.kill(hasher, "SIGSTOP");
      const { status, fields } = await ask(port, "HEAD", "/data/other.sha256");
      const unknown = `/-/announce?info_hash=${"x".repeat(20)}&peer_id=${"p".repeat(20)}&port=6881&uploaded=0&downloaded=0&left=0`;
      const announced = await ask(port, "GET", unknown);
      answers.push([status, Number(fields["retry-after"]) > 0, announced.status]);
      process.kill(hasher, "SIGCONT");
      answers.push(await obtain(port, "other.sha256"));
    },
    120,
  );
  expect({ ...seen, answers }).toEqual({ ...UNHARMED, answers: [200, [503, true, 200], 200] });
});

test.if(LINUX)("When the hasher is killed again and again, digests come later", async () => {
  const directory = writeTree();
  await using running = await startBinary([directory]);
  const { port } = running;
  const answers: number[] = [];
  const seen = await withstand(
    running,
    "small",
    async () => {
      for (const seconds of [1, 2]) {
        while (hasherOf(running) === undefined) await head(port, "large/0.sha256");
        process.kill(hasherOf(running) ?? 0, "SIGKILL");
        await running.printed(`starting none for ${seconds} s`);
        answers.push(await head(port, "small.sha256"));
      }
      answers.push(await obtain(port, "small.sha256"));
    },
    120,
  );
  expect({ ...seen, answers }).toEqual({ ...UNHARMED, answers: [503, 503, 200] });
});
