import { limitUnsent } from "../../os/unsent.ts";
/**
 * The origin as a peer of its own swarms: it only uploads. Peers connect to it; whom
 * the tracker hears of, it connects to, which saves a client's attempts to come by uTP
 * and with encryption. Here are the listener, the connections and their limits; what
 * goes to whom is up to {@link Upload} and its Seeding.
 */
import { Connection } from "./connection.ts";
import { Invitations, type Invited } from "./invitations.ts";
import type { Upload } from "./upload.ts";
import { describe, type Library, Uploads } from "./uploads.ts";
import { listenForUtp } from "./utp.ts";
import type { Handshake } from "./wire.ts";

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
  connections: 2000,
  connectionsPerAddress: 100,
  handshake: 5000,
  silence: 150_000,
  idleMessages: 20_000,
};

/** Milliseconds. */
const TICK = 100;
const KEEP_ALIVE_AFTER = 90_000;
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
  upload?: Upload;
  /** The torrent that we connected for. */
  readonly invitation?: Upload;
  /** Peer and torrent, so that nobody is connected twice. */
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
  private readonly sessions = new Set<Session>();
  private readonly uploads: Uploads;
  private readonly invitations: Invitations;
  private readonly keys = new Set<string>();
  private readonly addresses = new Map<string, number>();
  private readonly limits: SeederLimits;
  private readonly now: () => number;
  private listener: Bun.TCPSocketListener<Session | undefined> | undefined;
  private timer: Timer | undefined;
  port = 0;
  private utp: Bun.udp.Socket<"buffer"> | undefined;
  private lastId = 0;
  private ticks = 0;

  constructor(private readonly options: SeederOptions) {
    this.limits = { ...LIMITS, ...options.limits };
    this.now = options.now ?? (() => performance.now());
    this.uploads = new Uploads(options.library, options.log, this.now);
    this.invitations = new Invitations(this.uploads, async (upload, hostname, port) => {
      await Bun.connect({ hostname, port, socket: this.handlers(upload) });
    });
  }

  /** Listens; the port is the answer. Throws when it is taken. */
  listen({ host, port }: { readonly host: string; readonly port: number }): number {
    const listener = Bun.listen<Session | undefined>({
      hostname: host,
      port,
      socket: this.handlers(),
    });
    this.listener = listener;
    this.timer = setInterval(() => this.tick(), TICK);
    this.port = listener.port;
    void listenForUtp(host, this.port).then(
      (socket) => this.closeLater(socket),
      (error) => this.options.log(`Cannot refuse uTP at port ${this.port}: ${describe(error)}`),
    );
    return this.port;
  }

  private closeLater(socket: Bun.udp.Socket<"buffer">): void {
    if (this.listener === undefined) socket.close();
    else this.utp = socket;
  }

  private handlers(upload?: Upload): Bun.SocketHandler<Session | undefined> {
    return {
      open: (socket) => this.accept(socket, upload),
      data: ({ data: session }, bytes) => session && this.hear(session, bytes),
      drain: ({ data: session }) => session && this.resume(session),
      close: ({ data: session }) => session && this.forget(session),
      error: ({ data: session }) => session?.connection.close(),
    };
  }

  /** Connects to a peer that told the tracker what it wants, unless it is here. Never rejects. */
  invite(infoHash: Uint8Array, peer: Invited): Promise<void> {
    const key = keyOf(infoHash, peer.peerId);
    return this.invitations.invite(infoHash, peer, () => {
      const isFull = this.sessions.size >= this.limits.connections / 2;
      return this.listener !== undefined && !isFull && !this.keys.has(key);
    });
  }

  /** What is being uploaded. Bytes since the first peer came. */
  stats() {
    return { connections: this.sessions.size, uploads: this.uploads.stats };
  }

  /** Takes no more connections; those that are open go on. */
  drain(): void {
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
    limitUnsent(socket, UNSENT);
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
    if (session.state !== "lookup") return this.read(session);
    // Only a peer that didn't wait for our handshake gets here.
    connection.reader.hold();
    if (connection.reader.waiting > LONGEST_MESSAGE) connection.close();
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
    const key = keyOf(handshake.infoHash, handshake.peerId);
    // Ourselves, or a peer that is here already.
    if (this.peerId.equals(handshake.peerId) || this.keys.has(key)) return connection.close();
    session.state = "lookup";
    connection.reader.hold();
    session.key = key;
    this.keys.add(key);
    const upload = await this.uploads.find(handshake.infoHash);
    if (connection.isClosed) return;
    const isOther = session.invitation !== undefined && session.invitation !== upload;
    if (upload === undefined || isOther) return connection.close();
    session.state = "joined";
    session.upload = upload;
    if (session.invitation === undefined) upload.greet(connection, this);
    upload.join(connection, handshake, this);
    this.read(session);
  }

  private resume(session: Session): void {
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
    if (this.ticks % (TRY_AGAIN / TICK) === 0) this.invitations.forget();
    if (this.ticks % (1000 / TICK) === 0) for (const session of this.sessions) this.check(session);
    this.uploads.tick();
  }

  /** Once a second. */
  private check(session: Session): void {
    const { connection, state, acceptedAt } = session;
    const { handshake, silence, idleMessages } = this.limits;
    const now = this.now();
    const isLate = state !== "joined" && now - acceptedAt > handshake;
    const isSilent = now - connection.heardAt > silence;
    const isDone = session.upload?.isDone(connection) ?? false;
    const isFlood = connection.idleMessages > idleMessages;
    if (isLate || isSilent || isDone || isFlood) return connection.close();
    connection.idleMessages = 0;
    connection.keepAlive(now, KEEP_ALIVE_AFTER);
  }
}

/** A peer of a torrent. */
function keyOf(infoHash: Uint8Array, peerId: Uint8Array): string {
  return `${Buffer.from(infoHash).toString("hex")} ${Buffer.from(peerId).toString("hex")}`;
}
