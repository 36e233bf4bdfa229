/** A BitTorrent peer that says what a test wants, and the torrent that it wants. */

import { encode, Encoded } from "../swarm/bittorrent/bencode.ts";
import type { Torrent } from "../swarm/bittorrent/torrent.ts";
import { Seeder, type SeederOptions } from "../swarm/seeder/seeder.ts";
import type { Seed } from "../swarm/seeder/upload.ts";
import { writeHandshake } from "../swarm/seeder/wire.ts";
import { offsetBytes } from "./site.ts";

/** A torrent of one file. */
export interface Sample {
  readonly torrent: Torrent;
  readonly bytes: Uint8Array;
  /** The .torrent file. */
  file(announce: string): Uint8Array;
}

export function makeSample(length: number, pieceLength: number, name = "sample"): Sample {
  const bytes = offsetBytes(Math.ceil(length / 16) * 16).subarray(0, length);
  const hashes: Uint8Array[] = [];
  for (let start = 0; start < length; start += pieceLength) {
    hashes.push(sha1(bytes.subarray(start, start + pieceLength)));
  }
  const fields = { name, length, "piece length": pieceLength, pieces: Buffer.concat(hashes) };
  const info = encode(fields);
  const files = [{ path: [], length }];
  return {
    torrent: { infoHash: sha1(info), info, name, length, pieceLength, files },
    bytes,
    file: (announce) => encode({ announce, info: new Encoded(info) }),
  };
}

function sha1(bytes: Uint8Array): Uint8Array {
  return new Bun.CryptoHasher("sha1").update(bytes).digest();
}

export interface Seeding extends Disposable {
  readonly seeder: Seeder;
  readonly port: number;
  readonly lines: string[];
}

/** A seeder of one torrent on a free port. */
export function seed(
  sample: Sample,
  options: Partial<SeederOptions> & { readonly read?: Seed["read"]; readonly host?: string } = {},
): Seeding {
  const lines: string[] = [];
  const { read = (start: number, end: number) => sample.bytes.subarray(start, end) } = options;
  const seeder = new Seeder({
    log: (line) => void lines.push(line),
    library: {
      find: async (infoHash) =>
        Buffer.compare(infoHash, sample.torrent.infoHash) === 0
          ? { kind: "seed", seed: { torrent: sample.torrent, read } }
          : { kind: "unknown" },
    },
    ...options,
  });
  const port = seeder.listen({ host: options.host ?? "127.0.0.1", port: 0 });
  return { seeder, port, lines, [Symbol.dispose]: () => seeder.close() };
}

export class RawPeer implements Disposable {
  #received = Buffer.alloc(0);
  #closed = false;
  #wake: () => void = () => {};
  #socket: Bun.Socket<undefined> | undefined;

  static async connect(port: number, hostname = "127.0.0.1"): Promise<RawPeer> {
    const peer = new RawPeer();
    peer.#socket = await Bun.connect<undefined>({
      hostname,
      port,
      socket: {
        data: (_socket, bytes) => {
          peer.#received = Buffer.concat([peer.#received, bytes]);
          peer.#wake();
        },
        close: () => peer.#end(),
        error: () => peer.#end(),
      },
    });
    return peer;
  }

  /** Connects and shakes hands; the handshake of the other end is read, its messages aren't. */
  static async join(port: number, sample: Sample, id = "1", hostname?: string): Promise<RawPeer> {
    const peer = await RawPeer.connect(port, hostname);
    peer.say(writeHandshake(sample.torrent.infoHash, peerId(id)));
    await peer.take(68);
    return peer;
  }

  say(bytes: Uint8Array | string): void {
    this.#socket?.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    this.#socket?.flush();
  }

  /** Stops reading, for good. */
  pause(): void {
    this.#socket?.pause();
  }

  /** Bytes of the stream; fewer when it ended before. */
  async take(length: number): Promise<Buffer> {
    while (this.#received.length < length && !this.#closed) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(taken.length);
    return taken;
  }

  /** The next message, id and payload; undefined when the connection ended. */
  async message(): Promise<Buffer | undefined> {
    const prefix = await this.take(4);
    if (prefix.length < 4) return undefined;
    const length = prefix.readUInt32BE();
    const message = await this.take(length);
    return message.length < length ? undefined : message;
  }

  /** Waits for a message of one kind, past all others. */
  async messageOf(id: number): Promise<Buffer | undefined> {
    let message = await this.message();
    while (message !== undefined && message[0] !== id) message = await this.message();
    return message;
  }

  /** Reads to the end of the connection. Whether it came without {@link end}. */
  async closed(): Promise<true> {
    while ((await this.message()) !== undefined);
    return true;
  }

  [Symbol.dispose](): void {
    this.#socket?.terminate();
    this.#end();
  }

  #end(): void {
    this.#closed = true;
    this.#wake();
  }
}

export function peerId(id: string): Uint8Array {
  return Buffer.from(`-XX0000-${id.padStart(12, "0")}`, "latin1");
}
