/**
 * The origin as a peer of its own swarms: it only uploads. Peers connect to it; whom
 * the tracker hears of, it connects to, which saves a client's attempts to come by uTP
 * and with encryption. Here are the listener, the connections and their limits; what
 * goes to whom is up to {@link Upload} and its Seeding.
 */
import type { Log } from "../service/log.ts";
import { Connection } from "./connection.ts";
import { limitUnsent } from "./unsent.ts";
import { type Seed, Upload } from "./upload.ts";
import { refuseUtp } from "./utp.ts";
import type { Handshake } from "./wire.ts";

/** Where torrents are found by info hash (20 bytes). */
export interface Library {
  find(infoHash: Uint8Array): Promise<Seed | undefined>;
}

/** A peer as the tracker heard of it. */
export interface Invited {
  /** An address. */
  readonly hostname: string;
  readonly port: number;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
}

export interface SeederLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** Milliseconds until a peer must have said which torrent it wants. */
  readonly handshake: number;
  /** Milliseconds for which a peer may be silent; clients say something every two minutes. */
  readonly silence: number;
  /** Messages a second that ask for nothing. */
  readonly idleMessages: number;
}

const LIMITS: SeederLimits = {
  connections: 1000,
  connectionsPerAddress: 100,
  handshake: 5000,
  silence: 150_000,
  idleMessages: 20_000,
};

/** Milliseconds. */
const TICK = 100;
const KEEP_ALIVE_AFTER = 90_000;
const TRY_AGAIN = 30_000;
/** A client with an attempt of its own under way takes ours for a duplicate: that by uTP is refused by then. */
const INVITE_AFTER = 250;
/** Connections that are being made at a time. */
const DIALING = 50;
/** Peers that are remembered as tried. */
const TRIED = 10_000;
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
  upload?: Upload;
  /** The torrent that we connected for. */
  readonly invitation?: Upload;
  /** Peer and torrent, so that nobody is connected twice. */
  key?: string;
}

export interface SeederOptions {
  readonly library: Library;
  readonly log: Log;
  /** Milliseconds of a clock that only goes on. */
  readonly now?: () => number;
  readonly limits?: Partial<SeederLimits>;
}

export class Seeder {
  readonly peerId = Buffer.concat([
    Buffer.from("-RS0100-", "latin1"),
    crypto.getRandomValues(new Uint8Array(12)),
  ]);
  private readonly sessions = new Set<Session>();
  private readonly uploads = new Map<string, Upload>();
  private readonly keys = new Set<string>();
  private readonly addresses = new Map<string, number>();
  private readonly limits: SeederLimits;
  private readonly now: () => number;
  private listener: Bun.TCPSocketListener<Session | undefined> | undefined;
  private timer: Timer | undefined;
  port = 0;
  private utp: Bun.udp.Socket<"buffer"> | undefined;
  /** Whom we tried to connect to in the last half minute. */
  private readonly tried = new Set<string>();
  private dialing = 0;
  private lastId = 0;
  private ticks = 0;

  constructor(private readonly options: SeederOptions) {
    this.limits = { ...LIMITS, ...options.limits };
    this.now = options.now ?? (() => performance.now());
  }

  /** Listens; the port is the answer. Throws when it is taken. */
  listen({ host, port }: { readonly host: string; readonly port: number }): number {
    const listener = Bun.listen<Session | undefined>({
      hostname: host,
      port,
      socket: this.handlers(),
    });
    if ("fd" in listener && typeof listener.fd === "number") limitUnsent(listener.fd, UNSENT);
    this.listener = listener;
    this.timer = setInterval(() => this.tick(), TICK);
    this.port = listener.port;
    void this.refuseUtp(host);
    return this.port;
  }

  /** The same port of UDP says no. */
  private async refuseUtp(hostname: string): Promise<void> {
    try {
      this.utp = await Bun.udpSocket({
        hostname,
        port: this.port,
        socket: {
          data(socket, packet, port, address) {
            const reset = refuseUtp(packet);
            if (reset !== undefined) socket.send(reset, port, address);
          },
        },
      });
    } catch (error) {
      this.options.log(`Cannot refuse uTP at port ${this.port}: ${describe(error)}`);
    }
  }

  private handlers(upload?: Upload): Bun.SocketHandler<Session | undefined> {
    return {
      open: (socket) => this.accept(socket, upload),
      data: ({ data: session }, bytes) => session && this.hear(session, bytes),
      drain: ({ data: session }) => session && this.drain(session),
      close: ({ data: session }) => session && this.forget(session),
      error: ({ data: session }) => session?.connection.close(),
    };
  }

  /**
   * Connects to a peer that wants a torrent and told the tracker so. Does nothing when it
   * is here already, was tried a moment ago, or the torrent isn't ours; never throws.
   */
  async invite(infoHash: Uint8Array, peer: Invited): Promise<void> {
    const hash = Buffer.from(infoHash).toString("hex");
    const { hostname, port, peerId } = peer;
    const tried = `${hash} ${hostname} ${port}`;
    const isFull = this.sessions.size + this.dialing >= this.limits.connections / 2;
    if (isFull || this.dialing >= DIALING || this.tried.has(tried) || this.tried.size >= TRIED)
      return;
    const key = `${hash} ${Buffer.from(peerId).toString("hex")}`;
    if (this.keys.has(key)) return;
    this.tried.add(tried);
    this.dialing++;
    try {
      const upload = this.uploads.get(hash) ?? (await this.find(hash, infoHash));
      if (upload === undefined) return;
      await Bun.sleep(INVITE_AFTER);
      if (this.keys.has(key) || this.listener === undefined) return;
      await Bun.connect({ hostname, port, socket: this.handlers(upload) });
    } catch {
      // It can't be reached: it may still come to us.
    } finally {
      this.dialing--;
    }
  }

  /** What is being uploaded. Bytes since the first peer came. */
  stats() {
    const uploads = [...this.uploads.values()].map((upload) => upload.stats);
    return { connections: this.sessions.size, uploads };
  }

  /** Takes no more connections; those that are open go on. */
  drainAll(): void {
    this.listener?.stop(false);
  }

  /** Ends everything. */
  close(): void {
    this.listener?.stop(true);
    this.listener = undefined;
    this.utp?.close();
    clearInterval(this.timer);
    for (const session of this.sessions) session.connection.close();
    this.uploads.clear();
  }

  private accept(socket: Bun.Socket<Session | undefined>, invitation?: Upload): void {
    const address = socket.remoteAddress;
    const fromThere = this.addresses.get(address) ?? 0;
    const { connections, connectionsPerAddress } = this.limits;
    if (this.sessions.size >= connections || fromThere >= connectionsPerAddress) {
      socket.terminate();
      return;
    }
    const now = this.now();
    socket.setNoDelay(true);
    const connection = new Connection(++this.lastId, socket, LONGEST_MESSAGE, now);
    const session: Session = {
      connection,
      acceptedAt: now,
      address,
      state: "handshake",
      ...(invitation && { invitation }),
    };
    socket.data = session;
    this.sessions.add(session);
    this.addresses.set(address, fromThere + 1);
    invitation?.greet(connection, this);
  }

  private hear(session: Session, bytes: Uint8Array): void {
    const { connection } = session;
    connection.heardAt = this.now();
    connection.reader.add(bytes);
    if (session.state !== "lookup") this.read(session);
    // Only a peer that didn't wait for our handshake gets here with more.
    else if (connection.reader.waiting > LONGEST_MESSAGE) connection.close();
  }

  private read(session: Session): void {
    const { connection } = session;
    while (!connection.isClosed) {
      const message = connection.reader.next();
      if (message === undefined) break;
      if (message.kind === "handshake") {
        void this.lookUp(session, message);
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
  private async lookUp(session: Session, handshake: Handshake): Promise<void> {
    const { connection } = session;
    const hash = Buffer.from(handshake.infoHash).toString("hex");
    const key = `${hash} ${Buffer.from(handshake.peerId).toString("hex")}`;
    // Ourselves, or a peer that is here already.
    if (this.peerId.equals(handshake.peerId) || this.keys.has(key)) return connection.close();
    session.state = "lookup";
    session.key = key;
    this.keys.add(key);
    const upload = this.uploads.get(hash) ?? (await this.find(hash, handshake.infoHash));
    if (connection.isClosed) return;
    const isOther = session.invitation !== undefined && session.invitation !== upload;
    if (upload === undefined || isOther) return connection.close();
    session.state = "joined";
    session.upload = upload;
    if (session.invitation === undefined) upload.greet(connection, this);
    upload.join(connection, handshake, this);
    this.read(session);
  }

  private async find(hash: string, infoHash: Uint8Array): Promise<Upload | undefined> {
    try {
      const seed = await this.options.library.find(infoHash);
      if (seed === undefined) return undefined;
      // Another peer may have asked for it meanwhile.
      const known = this.uploads.get(hash);
      if (known !== undefined) return known;
      const upload = new Upload(seed, this.now, (reason) => this.drop(hash, upload, reason));
      this.uploads.set(hash, upload);
      return upload;
    } catch (error) {
      this.options.log(`Cannot seed ${hash}: ${describe(error)}`);
      return undefined;
    }
  }

  /** The bytes aren't there any more: the torrent is looked up anew by whoever comes next. */
  private drop(hash: string, upload: Upload, reason: unknown): void {
    if (this.uploads.get(hash) !== upload) return;
    this.uploads.delete(hash);
    this.options.log(`No longer seeding ${upload.stats.name}: ${describe(reason)}`);
    upload.close();
  }

  private drain(session: Session): void {
    if (session.upload === undefined) session.connection.flush();
    else session.upload.drain(session.connection);
  }

  private forget(session: Session): void {
    if (!this.sessions.delete(session)) return;
    const left = (this.addresses.get(session.address) ?? 1) - 1;
    if (left === 0) this.addresses.delete(session.address);
    else this.addresses.set(session.address, left);
    if (session.key !== undefined) this.keys.delete(session.key);
    session.connection.close();
    session.upload?.leave(session.connection);
  }

  private tick(): void {
    this.ticks++;
    if (this.ticks % (TRY_AGAIN / TICK) === 0) this.tried.clear();
    if (this.ticks % (1000 / TICK) === 0) for (const session of this.sessions) this.check(session);
    for (const upload of this.uploads.values()) upload.tick();
  }

  /** Once a second. */
  private check(session: Session): void {
    const { connection, state, acceptedAt } = session;
    const { handshake, silence, idleMessages } = this.limits;
    const now = this.now();
    const isLate = state !== "joined" && now - acceptedAt > handshake;
    const isSilent = now - connection.heardAt > silence;
    if (isLate || isSilent || connection.idleMessages > idleMessages) return connection.close();
    connection.idleMessages = 0;
    connection.keepAlive(now, KEEP_ALIVE_AFTER);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
