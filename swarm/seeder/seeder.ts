/**
 * The origin as a peer of its own swarms: it only uploads. Peers connect to it, and it
 * connects to peers that a tracker names, which saves their attempts by uTP and with
 * encryption. Here are the listener and the connections, from the socket to the torrent
 * that a peer wants; {@link Upload} and its Seeding decide what goes to whom. A failure
 * in a connection or an upload ends that one and is logged.
 */

import { errorCode } from "../../os/error-code.ts";
import { descriptorOf, limitUnsent } from "../../os/unsent.ts";
import { sourceName } from "../bittorrent/address.ts";
import { Connection } from "./connection.ts";
import type { Guests } from "./guests.ts";
import { Invitations, type Invited } from "./invitations.ts";
import { isOver, LIMITS, peerKey, type SeederLimits, type Session } from "./session.ts";
import type { Upload, UploadFigures } from "./upload.ts";
import { type Library, messageOf, Uploads } from "./uploads.ts";
import { listenForUtp } from "./utp.ts";
import { type Handshake, writeHandshake } from "./wire.ts";

/** Milliseconds. */
const TICK = 100;
const KEEP_ALIVE_AFTER = 90_000;
/** A client that gets no handshake for longer gives up, and comes back late. */
const GREET_AFTER = 2000;
const TRY_AGAIN = 30_000;
/** Bytes. A peer exchange, or the bitfield of 65536 pieces, is well below. */
const LONGEST_MESSAGE = 32 * 1024;
/** Bytes of a connection that the kernel may hold unsent. */
const UNSENT = 16 * 1024;

export interface SeederOptions {
  readonly library: Library;
  readonly log: (line: string) => void;
  /** The peers that are served; undefined: all. */
  readonly guests?: Guests | undefined;
  /** Milliseconds of a clock that only goes on. */
  readonly now?: () => number;
  readonly limits?: Partial<SeederLimits>;
  /** Told of each peer that connects. */
  readonly joined?: ((descriptor: number, address: string) => void) | undefined;
}

export class Seeder {
  readonly peerId = Buffer.concat([
    Buffer.from("-RS0100-", "latin1"),
    crypto.getRandomValues(new Uint8Array(12)),
  ]);
  readonly #sessions = new Set<Session>();
  readonly #uploads: Uploads;
  readonly #invitations: Invitations;
  /** The {@link peerKey} of every peer that is connected. */
  readonly #keys = new Set<string>();
  /** Connections by source: an IPv4 address or an IPv6 network of 64 bits. */
  readonly #sources = new Map<string, number>();
  readonly #limits: SeederLimits;
  readonly #guests: Guests | undefined;
  readonly #log: (line: string) => void;
  readonly #now: () => number;
  readonly #joined: SeederOptions["joined"];
  #listener: Bun.TCPSocketListener<Session | undefined> | undefined;
  #timer: Timer | undefined;
  #utp: Bun.udp.Socket<"buffer"> | undefined;
  #lastId = 0;
  #ticks = 0;
  port = 0;

  constructor(options: SeederOptions) {
    this.#limits = { ...LIMITS, ...options.limits };
    this.#guests = options.guests;
    this.#log = options.log;
    this.#joined = options.joined;
    this.#now = options.now ?? (() => performance.now());
    this.#uploads = new Uploads(options.library, options.log, this.#now);
    this.#invitations = new Invitations(this.#uploads, (upload, { hostname, port }, patience) =>
      Bun.connect({ hostname, port, socket: this.#handlers({ upload, patience }) }),
    );
  }

  /** Listens, and returns the port. Throws when it is taken. */
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
      close: ({ data: session }) => session && this.#remove(session),
      // Also what the handlers above throw.
      error: (socket, error) => this.#fail(socket, error),
    };
  }

  /** Connects to a peer that a tracker named, unless it is connected. Never rejects. */
  invite(infoHash: Uint8Array, peer: Invited): Promise<void> {
    const key = peerKey(infoHash, peer.peerId, peer.hostname);
    const isWelcome = () => {
      const isFull = this.#sessions.size >= this.#limits.connections / 2;
      return this.#listener !== undefined && !isFull && !this.#keys.has(key);
    };
    return this.#invitations
      .invite(infoHash, peer, isWelcome)
      .catch((error) => this.#log(`Cannot connect to a peer: ${messageOf(error)}`));
  }

  /** Connections and uploads now, with the bytes of each upload since its first peer came. */
  stats() {
    return { connections: this.#sessions.size, uploads: this.#uploads.stats };
  }

  /** Connections now; what was sent and asked for since the start. */
  get figures() {
    return { peers: this.#sessions.size, totals: this.#uploads.totals };
  }

  /** Bytes of blocks that were sent since the start. */
  get sent(): number {
    return this.#uploads.totals.bytes;
  }

  get infoHashes(): Uint8Array[] {
    return this.#uploads.infoHashes;
  }

  /** Undefined for a torrent without a peer here in the last ten minutes. */
  figuresOf(infoHash: Uint8Array, most: number): UploadFigures | undefined {
    return this.#uploads.uploadOf(infoHash)?.figures(most);
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
    const source = sourceName(address) ?? address;
    const fromThere = this.#sources.get(source) ?? 0;
    const { connections, connectionsPerSource } = this.#limits;
    const isFull = this.#sessions.size >= connections || fromThere >= connectionsPerSource;
    if (isFull || dialed?.patience.aborted || this.#listener === undefined) {
      socket.terminate();
      return;
    }
    const now = this.#now();
    socket.setNoDelay(true);
    const descriptor = descriptorOf(socket);
    if (descriptor !== undefined) {
      limitUnsent(descriptor, UNSENT);
      this.#joined?.(descriptor, address);
    }
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

  /** Sends the handshake, once. */
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
    // The peer didn't wait for our handshake, or its torrent is unavailable now.
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
        message.kind === "malformed"
          ? message.reason
          : session.upload?.receive(connection, message);
      if (fault !== undefined) connection.close();
    }
    session.upload?.pump();
  }

  /** Finds the torrent that a peer wants, and lets the peer in. */
  async #lookUp(session: Session, handshake: Handshake): Promise<void> {
    const { connection } = session;
    const { infoHash, peerId } = handshake;
    const key = peerKey(infoHash, peerId, session.address);
    // This server itself, or a peer that is connected already.
    if (this.peerId.equals(peerId) || this.#keys.has(key)) return connection.close();
    if (this.#guests?.has(infoHash, session.address, Date.now()) === false) {
      return connection.close();
    }
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

  /** Looks again and again while the torrent is unavailable, until the connection is closed. */
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

  #remove(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    const source = sourceName(session.address) ?? session.address;
    const left = (this.#sources.get(source) ?? 1) - 1;
    if (left === 0) this.#sources.delete(source);
    else this.#sources.set(source, left);
    if (session.key !== undefined) this.#keys.delete(session.key);
    session.connection.close();
    session.upload?.leave(session.connection);
  }

  #fail(socket: Bun.Socket<Session | undefined>, error: Error): void {
    // An error with a code is the network's, and no news.
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
    const { connection, acceptedAt, infoHash } = session;
    const now = this.#now();
    if (isOver(session, this.#limits, now)) return connection.close();
    if (infoHash !== undefined && now - acceptedAt > GREET_AFTER) this.#greet(session, infoHash);
    connection.idleMessages = 0;
    connection.keepAlive(now, KEEP_ALIVE_AFTER);
  }
}

/** An attempt to connect to a peer, until `patience` is over. */
interface Dialed {
  readonly upload: Upload;
  readonly patience: AbortSignal;
}
