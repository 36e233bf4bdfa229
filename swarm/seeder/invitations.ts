/**
 * Connecting to peers that told the tracker what they want. A client that looks for
 * the origin by itself loses seconds: libtorrent first tries uTP, then an encrypted
 * handshake, then a plain one, each a second or more after the other.
 */
import type { Upload } from "./upload.ts";
import type { Uploads } from "./uploads.ts";

/** A peer as the tracker heard of it. */
export interface Invited {
  /** An address. */
  readonly hostname: string;
  readonly port: number;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
}

/**
 * Milliseconds. A client whose own attempt is under way takes ours for a duplicate, and
 * may end both; that by uTP has been refused by then.
 */
const DELAY = 250;
/** Connections that are being made at a time. */
const MOST_AT_A_TIME = 50;
/** Peers that are remembered as tried. */
const MOST_TRIED = 10_000;

export class Invitations {
  private readonly tried = new Set<string>();
  private dialing = 0;

  /** `dial` connects for an upload; it may reject. */
  constructor(
    private readonly uploads: Uploads,
    private readonly dial: (upload: Upload, hostname: string, port: number) => Promise<void>,
  ) {}

  /** Connects unless the torrent isn't ours, the peer was tried of late, or `isWelcome` says no. Never rejects. */
  async invite(infoHash: Uint8Array, peer: Invited, isWelcome: () => boolean): Promise<void> {
    const { hostname, port } = peer;
    const name = `${Buffer.from(infoHash).toString("hex")} ${hostname} ${port}`;
    if (this.dialing >= MOST_AT_A_TIME || this.tried.size >= MOST_TRIED) return;
    if (this.tried.has(name) || !isWelcome()) return;
    this.tried.add(name);
    this.dialing++;
    try {
      const upload = await this.uploads.find(infoHash);
      if (upload === undefined) return;
      await Bun.sleep(DELAY);
      if (isWelcome()) await this.dial(upload, hostname, port);
    } catch {
      // It can't be reached. It may still come to us.
    } finally {
      this.dialing--;
    }
  }

  /** Everyone may be tried again. */
  forget(): void {
    this.tried.clear();
  }
}
