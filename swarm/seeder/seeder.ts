/**
 * The origin as a peer of its own swarms: it only uploads. Peers connect to it; to those
 * that the tracker hears of it connects, which saves a client's attempts to come by uTP
 * and with encryption. Here are the listener, the connections and their limits; what
 * goes to whom is up to {@link Upload} and its Seeding. A failure in a connection or an
 * upload ends that one and is logged.
 */

import { errorCode } from "../../os/error-code.ts";
import { limitUnsent } from "../../os/unsent.ts";
import { parseAddress, sourceOf } from "../bittorrent/address.ts";
import { Connection } from "./connection.ts";
import { Invitations, type Invited } from "./invitations.ts";
import type { Upload } from "./upload.ts";
import { type Library, messageOf, Uploads } from "./uploads.ts";
import { listenForUtp } from "./utp.ts";
import { type Handshake, writeHandshake } from "./wire.ts";

export interface SeederLimits {
  readonly connections: number;
  /** Of an IPv4 address, or of an IPv6 network of 64 bits. */
  readonly connectionsPerSource: number;
  /** Milliseconds until a peer must have said which torrent it wants. */
  readonly handshake: number;
  /** Milliseconds for which a peer waits where its torrent can't be told now, and between two looks. */
  readonly lookUp: number;
  readonly lookAgain: number;
  /** Milliseconds for which a peer may be silent; clients say something every two minutes. */
  readonly silence: number;
  /** Messages a second that ask for nothing. */
  readonly idleMessages: number;
}

const LIMITS: SeederLimits = {
  connections: 2000,
  connectionsPerSource: 100,
  handshake: 5000,
  // The hasher, when it fails again and again, is started once a minute.
  lookUp: 90_000,
  lookAgain: 1000,
  silence: 150_000,
  idleMessages: 20_000,
};

/** Milliseconds. */
const TICK = 100;
const KEEP_ALIVE_AFTER = 90_000;
/** A client that hears nothing for longer gives up, and comes back late. */
const GREET_AFTER = 2000;
const TRY_AGAIN = 30_000;
/** Bytes. A peer exchange, or the bitfield of 65536 pieces, is well below. */
const LONGEST_MESSAGE = 32 * 1024;
/** Bytes of a connection that the kernel may hold unsent. */
const UNSENT = 16 * 1024;

/** A connection, and how far it has come. */
interface Session {
  readonly connection: Connection;
  readonly acceptedAt: number;
  readonly address: string;
  state: "handshake" | "lookup" | "joined";
  isGreeted: boolean;
  upload?: Upload;
  /** The torrent that we connected for. */
  readonly invitation?: Upload;
  /** What it wants, and who it is, so that nobody is connected twice. */
  infoHash?: Uint8Array;
  key?: string;
}

export interface SeederOptions {
  readonly library: Library;
  readonly log: (line: string) => void;
  /** Milliseconds of a clock that only goes on. */
  readonly now?: () => number;
  readonly limits?: Partial<SeederLimits>;
}

export class Seeder {
  readonly peerId = Buffer.concat([
    Buffer.from("-RS0100-", "latin1"),
    crypto.getRandomValues(new Uint8Array(12)),
  ]);
  readonly #sessions = new Set<Session>();
  readonly #uploads: Uploads;
  readonly #invitations: Invitations;
  readonly #keys = new Set<string>();
  /** Connections of a source. */
  readonly #sources = new Map<string, number>();
  readonly #limits: SeederLimits;
  readonly #log: (line: string) => void;
  readonly #now: () => number;
  #listener: Bun.TCPSocketListener<Session | undefined> | undefined;
  #timer: Timer | undefined;
  #utp: Bun.udp.Socket<"buffer"> | undefined;
  #lastId = 0;
  #ticks = 0;
  port = 0;

  constructor(options: SeederOptions) {
    this.#limits = { ...LIMITS, ...options.limits };
    this.#log = options.log;
    this.#now = options.now ?? (() => performance.now());
    this.#uploads = new Uploads(options.library, options.log, this.#now);
    this.#invitations = new Invitations(this.#uploads, (upload, { hostname, port }, patience) =>
      Bun.connect({ hostname, port, socket: this.#handlers({ upload, patience }) }),
    );
  }

  /** Listens; the port is the answer. Throws when it is taken. */
  listen({ host, port }: { readonly host: string; readonly port: number }): number {
    const listener = Bun.listen<Session | undefined>({
      hostname: host,
      port,
      socket: this.#handlers(),
    });
    this.#listener = listener;
    this.#timer = setInterval(() => this.#tick(), TICK);
    this.port = listener.port;
    void listenForUtp(host, this.port).then(
      (socket) => this.#closeLater(socket),
      (error) => this.#log(`Cannot refuse uTP at port ${this.port}: ${messageOf(error)}`),
    );
    return this.port;
  }

  #closeLater(socket: Bun.udp.Socket<"buffer">): void {
    if (this.#listener === undefined) socket.close();
    else this.#utp = socket;
  }

  #handlers(dialed?: Dialed): Bun.SocketHandler<Session | undefined> {
    return {
      open: (socket) => this.#accept(socket, dialed),
      data: ({ data: session }, bytes) => session && this.#hear(session, bytes),
      drain: ({ data: session }) => session && this.#resume(session),
      close: ({ data: session }) => session && this.#forget(session),
      // Also what the handlers above throw.
      error: (socket, error) => this.#fail(socket, error),
    };
  }

  /** Connects to a peer that told the tracker what it wants, unless it is here. Never rejects. */
  invite(infoHash: Uint8Array, peer: Invited): Promise<void> {
    const key = keyOf(infoHash, peer.peerId, peer.hostname);
    const isWelcome = () => {
      const isFull = this.#sessions.size >= this.#limits.connections / 2;
      return this.#listener !== undefined && !isFull && !this.#keys.has(key);
    };
    return this.#invitations
      .invite(infoHash, peer, isWelcome)
      .catch((error) => this.#log(`Cannot connect to a peer: ${messageOf(error)}`));
  }

  /** What is being uploaded. Bytes since the first peer came. */
  stats() {
    return { connections: this.#sessions.size, uploads: this.#uploads.stats };
  }

  /** Ends everything. */
  close(): void {
    this.#listener?.stop(true);
    this.#listener = undefined;
    this.#utp?.close();
    clearInterval(this.#timer);
    for (const session of this.#sessions) session.connection.close();
    this.#uploads.clear();
  }

  #accept(socket: Bun.Socket<Session | undefined>, dialed?: Dialed): void {
    const address = socket.remoteAddress;
    const source = nameSource(address);
    const fromThere = this.#sources.get(source) ?? 0;
    const { connections, connectionsPerSource } = this.#limits;
    const isFull = this.#sessions.size >= connections || fromThere >= connectionsPerSource;
    if (isFull || dialed?.patience.aborted || this.#listener === undefined) {
      socket.terminate();
      return;
    }
    const now = this.#now();
    socket.setNoDelay(true);
    limitUnsent(socket, UNSENT);
    const connection = new Connection(++this.#lastId, socket, LONGEST_MESSAGE, now);
    const session: Session = {
      connection,
      acceptedAt: now,
      address,
      state: "handshake",
      isGreeted: false,
      ...(dialed && { invitation: dialed.upload }),
    };
    socket.data = session;
    this.#sessions.add(session);
    this.#sources.set(source, fromThere + 1);
    if (dialed !== undefined) this.#greet(session, dialed.upload.infoHash);
  }

  /** Says who we are and what we have, or may have; the first thing on a connection. */
  #greet(session: Session, infoHash: Uint8Array): void {
    if (session.isGreeted) return;
    session.isGreeted = true;
    session.connection.say(writeHandshake(infoHash, this.peerId));
  }

  #hear(session: Session, bytes: Uint8Array): void {
    const { connection } = session;
    connection.heardAt = this.#now();
    connection.reader.add(bytes);
    if (session.state !== "lookup") return this.#read(session);
    // Only a peer that didn't wait for our handshake gets here, or one whose torrent can't be told now.
    connection.reader.hold();
    if (connection.reader.waiting > LONGEST_MESSAGE) connection.close();
  }

  #read(session: Session): void {
    const { connection } = session;
    while (!connection.isClosed) {
      const message = connection.reader.next();
      if (message === undefined) break;
      if (message.kind === "handshake") {
        this.#lookUp(session, message).catch((error) => {
          this.#log(`A peer's connection failed: ${messageOf(error)}`);
          connection.close();
        });
        return;
      }
      connection.idleMessages++;
      const fault =
        message.kind === "malformed" ? message.reason : session.upload?.hear(connection, message);
      if (fault !== undefined) connection.close();
    }
    session.upload?.pump();
  }

  /** Finds the torrent that a peer wants, and lets the peer in. */
  async #lookUp(session: Session, handshake: Handshake): Promise<void> {
    const { connection } = session;
    const { infoHash, peerId } = handshake;
    const key = keyOf(infoHash, peerId, session.address);
    // Ourselves, or a peer that is here already.
    if (this.peerId.equals(peerId) || this.#keys.has(key)) return connection.close();
    session.state = "lookup";
    connection.reader.hold();
    session.infoHash = infoHash;
    session.key = key;
    this.#keys.add(key);
    const upload = await this.#find(connection, infoHash);
    if (connection.isClosed) return;
    const isOther = session.invitation !== undefined && session.invitation !== upload;
    if (upload === undefined || isOther) return connection.close();
    session.state = "joined";
    session.upload = upload;
    this.#greet(session, infoHash);
    upload.join(connection, handshake, this);
    this.#read(session);
  }

  /** Looks again and again while it can't be told whether a torrent is ours, until the connection is closed. */
  async #find(connection: Connection, infoHash: Uint8Array): Promise<Upload | undefined> {
    for (;;) {
      const found = await this.#uploads.find(infoHash);
      if (found === "unknown") return undefined;
      if (found !== "unavailable") return found;
      if (connection.isClosed) return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      setTimeout(resolve, this.#limits.lookAgain).unref();
      await promise;
    }
  }

  #resume(session: Session): void {
    if (session.upload === undefined) session.connection.flush();
    else session.upload.drain(session.connection);
  }

  #forget(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    const source = nameSource(session.address);
    const left = (this.#sources.get(source) ?? 1) - 1;
    if (left === 0) this.#sources.delete(source);
    else this.#sources.set(source, left);
    if (session.key !== undefined) this.#keys.delete(session.key);
    session.connection.close();
    session.upload?.leave(session.connection);
  }

  #fail(socket: Bun.Socket<Session | undefined>, error: Error): void {
    // What has a code is the network's, and no news.
    if (errorCode(error) === undefined)
      this.#log(`A peer's connection failed: ${messageOf(error)}`);
    socket.terminate();
  }

  #tick(): void {
    try {
      this.#ticks++;
      if (this.#ticks % (TRY_AGAIN / TICK) === 0) this.#invitations.forget();
      if (this.#ticks % (1000 / TICK) === 0) {
        for (const session of this.#sessions) this.#check(session);
      }
      this.#uploads.tick();
    } catch (error) {
      this.#log(`The seeder failed: ${messageOf(error)}`);
    }
  }

  /** Once a second. */
  #check(session: Session): void {
    const { connection, state, acceptedAt } = session;
    const { handshake, lookUp, silence, idleMessages } = this.#limits;
    const now = this.#now();
    const age = now - acceptedAt;
    const isLate =
      (state === "handshake" && age > handshake) || (state === "lookup" && age > lookUp);
    const isSilent = now - connection.heardAt > silence;
    const isDone = session.upload?.isDone(connection) ?? false;
    const isFlood = connection.idleMessages > idleMessages;
    if (isLate || isSilent || isDone || isFlood) return connection.close();
    if (session.infoHash !== undefined && age > GREET_AFTER) this.#greet(session, session.infoHash);
    connection.idleMessages = 0;
    connection.keepAlive(now, KEEP_ALIVE_AFTER);
  }
}

/** Whom we connected to: for what, and until when. */
interface Dialed {
  readonly upload: Upload;
  readonly patience: AbortSignal;
}

/**
 * A peer of a torrent. Its id is public, so it is another peer's at another address; one
 * address has many forms.
 */
function keyOf(infoHash: Uint8Array, peerId: Uint8Array, hostname: string): string {
  const address = parseAddress(hostname)?.toHex() ?? hostname;
  return `${Buffer.from(infoHash).toString("hex")} ${Buffer.from(peerId).toString("hex")} ${address}`;
}

/** What the connections of one subscriber are counted by. */
function nameSource(hostname: string): string {
  const address = parseAddress(hostname);
  return address === undefined ? hostname : sourceOf(address).toHex();
}
