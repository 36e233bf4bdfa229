/**
 * `rangesrv top URL`: draws what goes on at a server, once a second, until q or Ctrl-C. When
 * the output is no terminal, it writes one snapshot and ends.
 */

import { screen } from "./top-screen.ts";

/** Milliseconds. */
const EVERY = 1_000;
const PATIENCE = 5_000;
/** Bytes: the server may be anybody's. */
const LONGEST = 4 * 1024 * 1024;

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
/** Where no terminal says how wide it is. */
const USUAL = { columns: 120, rows: 1000 };

/** Rejects with one line for the operator when the server doesn't answer. */
export async function top(url: string): Promise<void> {
  const status = new URL("/-/status.json", url);
  const { stdout } = process;
  if (!stdout.isTTY) {
    stdout.write(`${screen(await fetchStatus(status), url, USUAL).join("\n")}\n`);
    return;
  }
  const first = await fetchStatus(status);
  const over = Promise.withResolvers<void>();
  const leave = listenToKeys(() => over.resolve());
  stdout.write(ENTER);
  try {
    draw(first, url);
    await refresh(status, url, over.promise);
  } finally {
    stdout.write(LEAVE);
    leave();
  }
}

async function refresh(status: URL, url: string, over: Promise<void>): Promise<void> {
  const ended = over.then(() => true);
  for (;;) {
    if (await Promise.race([ended, Bun.sleep(EVERY).then(() => false)])) return;
    const snapshot = await Promise.race([ended, fetchStatus(status)]);
    if (snapshot === true) return;
    draw(snapshot, url);
  }
}

function draw(snapshot: unknown, url: string): void {
  const { columns, rows } = process.stdout;
  // Each line is cleared behind its text, and the screen below the last: nothing flickers.
  const lines = screen(snapshot, url, { columns, rows }).map((line) => `${line}\x1b[K`);
  process.stdout.write(`\x1b[H${lines.join("\r\n")}\x1b[J`);
}

/** Calls `end` on q, Ctrl-C and SIGTERM. Returns what undoes it. */
function listenToKeys(end: () => void): () => void {
  const { stdin } = process;
  const keys = (bytes: Buffer) => {
    if (/[qQ\x03\x04]/.test(bytes.toString("latin1"))) end();
  };
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    stdin.on("data", keys);
    stdin.resume();
  }
  return () => {
    process.off("SIGINT", end);
    process.off("SIGTERM", end);
    if (!stdin.isTTY) return;
    stdin.off("data", keys);
    stdin.setRawMode(false);
    stdin.pause();
  };
}

async function fetchStatus(url: URL): Promise<unknown> {
  const where = `${url.origin}/-/status.json`;
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    const response = await fetch(url, { signal, redirect: "manual" });
    if (response.status !== 200) throw new Error(`it answers ${response.status}`);
    const parsed: unknown = JSON.parse(await readText(response));
    return parsed;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw new Error(`Cannot read ${where}: ${reason}`, { cause: error });
  }
}

async function readText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > LONGEST) throw new Error(`the answer is longer than ${LONGEST} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
