/**
 * Clients whose connections are easily taken for one another, and files that change
 * before, under and after their downloads.
 */

import { expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, openSync, writeSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import { type Running, startBinary } from "../binary.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "../site.ts";
import { ask, Wire } from "../wire.ts";
import { UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(60_000);

/** Larger than all socket buffers of a reader that has stopped. */
const LARGE = 48 * 1024 * 1024;
const OLD = offsetBytes(LARGE, "o");
const NEW = offsetBytes(LARGE, "n");

/** MiB that the process that hashes takes. */
const HASHER = 96;

/** A directory with the files of these tests. */
function makeTree(): string {
  const directory = temporaryDirectory();
  for (const name of ["file", "other", "control"]) writeSettled(join(directory, name), OLD);
  writeSettled(join(directory, "small"), "SMALL");
  return directory;
}

function overwrite(path: string, bytes: Uint8Array): void {
  const descriptor = openSync(path, "r+");
  writeSync(descriptor, bytes, 0, bytes.length, 0);
  closeSync(descriptor);
}

/**
 * Waits until the server has looked at its downloads since now: one of another file,
 * which is then rewritten, is ended by a look.
 */
async function afterALook(server: Running, directory: string): Promise<void> {
  const path = join(directory, "control");
  writeSettled(path, OLD);
  using wire = await Wire.connect(server.port);
  wire.request("GET", "/data/control");
  await wire.waitFor(100_000);
  overwrite(path, NEW);
  await wire.untilClosed();
}

/** A connection from a port of our own choice, and what it has received. */
class Chosen implements Disposable {
  readonly chunks: Buffer[] = [];
  readonly #socket: Socket;
  #closed = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => {
      this.chunks.push(Buffer.from(chunk));
      this.#wake();
    });
    // A reset is an end.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#closed = true;
      this.#wake();
    });
  }

  static async connect(port: number, host: string, localPort?: number): Promise<Chosen> {
    const ends = { port, host, localAddress: "127.0.0.1" };
    const socket = createConnection(localPort === undefined ? ends : { ...ends, localPort });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once("connect", resolve);
    socket.once("error", reject);
    await promise;
    return new Chosen(socket);
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  send(text: string): void {
    this.#socket.write(Buffer.from(text, "latin1"));
  }

  get(target: string): void {
    this.send(`GET ${target} HTTP/1.1\r\nHost: test\r\n\r\n`);
  }

  get received(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** Waits for the first bytes and then reads no more. */
  async stall(): Promise<void> {
    await this.#receive(1);
    this.#socket.pause();
  }

  /** Reads on until the connection is closed or `count` bytes are there. */
  async resume(count: number): Promise<void> {
    this.#socket.resume();
    await this.#receive(count);
  }

  async #receive(count: number): Promise<void> {
    while (this.received < count && !this.#closed) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** `count` idle connections, which keep the lowest descriptors. */
async function occupy(server: Running, count: number): Promise<AsyncDisposable> {
  const wires = await Promise.all(Array.from({ length: count }, () => Wire.connect(server.port)));
  for (const wire of wires) wire.request("HEAD", "/data/small");
  for (const wire of wires) await wire.response("HEAD");
  return {
    async [Symbol.asyncDispose]() {
      for (const wire of wires) wire[Symbol.dispose]();
    },
  };
}

/** Whether a download from a client with `others` is ended when its file is rewritten under it. */
async function isEnded(
  server: Running,
  directory: string,
  others: (localPort: number) => Promise<Disposable>,
): Promise<boolean> {
  using download = await Chosen.connect(server.port, "127.0.0.1");
  download.get("/data/file");
  await download.stall();
  using _ = await others(download.localPort);
  await afterALook(server, directory);
  overwrite(join(directory, "file"), NEW);
  await afterALook(server, directory);
  await download.resume(LARGE);
  return download.received < LARGE;
}

test("A download ends with its version with the process that hashes at work", async () => {
  const directory = makeTree();
  await using server = await startBinary([directory]);
  const seen = await withstand(
    server,
    "small",
    async () => {
      // Its pipe gets a higher descriptor than the download.
      const hashing = async () => {
        await ask(server.port, "GET", "/data/other.sha256");
        return { [Symbol.dispose]() {} };
      };
      expect(await isEnded(server, directory, hashing)).toBe(true);
    },
    HASHER,
  );
  expect(seen).toEqual(UNHARMED);
});

test.each<[string, (port: number) => [port: number, host: string], string]>([
  ["the seed port", (port) => [port + 1, "127.0.0.1"], "\x13BitTorrent"],
  ["another address of the server", (port) => [port, "127.0.0.2"], "GET /data/other HT"],
  [
    "another address of the server, where it asks for a large file",
    (port) => [port, "127.0.0.2"],
    "GET /data/other HTTP/1.1\r\nHost: test\r\n\r\n",
  ],
  [
    "another address of the server, where it asks for a small file",
    (port) => [port, "127.0.0.2"],
    "GET /data/small HTTP/1.1\r\nHost: test\r\n\r\n",
  ],
])(
  "A download ends with its version, its client's port being used to %s",
  async (_, place, sent) => {
    const directory = makeTree();
    await using server = await startBinary([directory]);
    const seen = await withstand(server, "small", async () => {
      await using _occupied = await occupy(server, 16);
      const another = async (localPort: number) => {
        const [port, host] = place(server.port);
        const other = await Chosen.connect(port, host, localPort);
        other.send(sent);
        return other;
      };
      expect(await isEnded(server, directory, another)).toBe(true);
    });
    expect(seen).toEqual(UNHARMED);
  },
);

test("An idle connection outlives the file that it was sent", async () => {
  const directory = makeTree();
  await using server = await startBinary([directory]);
  const seen = await withstand(server, "small", async () => {
    await using _occupied = await occupy(server, 16);
    using wire = await Wire.connect(server.port);
    wire.request("GET", "/data/file");
    const first = await wire.response();
    await afterALook(server, directory);
    await afterALook(server, directory);
    overwrite(join(directory, "file"), NEW);
    await afterALook(server, directory);
    wire.request("GET", "/data/small");
    const second = await wire.response();
    expect([first.complete, second.status, second.body.toString()]).toEqual([true, 200, "SMALL"]);
  });
  expect(seen).toEqual(UNHARMED);
});

test("A download goes on when a file changes that its connection was sent before", async () => {
  const directory = makeTree();
  await using server = await startBinary([directory]);
  const seen = await withstand(server, "small", async () => {
    using wire = await Wire.connect(server.port);
    wire.request("GET", "/data/file", { Range: "bytes=0-999999" });
    const first = await wire.response();
    wire.request("GET", "/data/other");
    await wire.waitFor(100_000);
    wire.pause();
    await afterALook(server, directory);
    overwrite(join(directory, "file"), NEW);
    await afterALook(server, directory);
    wire.resume();
    const second = await wire.response();
    const whole = second.complete && second.body.equals(OLD);
    expect([first.complete, second.status, whole]).toEqual([true, 200, true]);
  });
  expect(seen).toEqual(UNHARMED);
});
