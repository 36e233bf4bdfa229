/**
 * How far a peer's connection has come, and when it is over: a peer that doesn't say in
 * time what it wants, is silent, sends nothing but noise, or has everything.
 */

import { parseAddress } from "../bittorrent/address.ts";
import type { Connection } from "./connection.ts";
import type { Upload } from "./upload.ts";

export interface Session {
  readonly connection: Connection;
  /** Milliseconds. */
  readonly acceptedAt: number;
  readonly address: string;
  state: "handshake" | "lookup" | "joined";
  isGreeted: boolean;
  upload?: Upload;
  /** The torrent for which this server connected to the peer. */
  readonly invitation?: Upload;
  /** The torrent that the peer wants. */
  infoHash?: Uint8Array;
  /** See {@link peerKey}. */
  key?: string;
}

export interface SeederLimits {
  readonly connections: number;
  /** Of an IPv4 address, or of an IPv6 network of 64 bits. */
  readonly connectionsPerSource: number;
  /** Milliseconds until a peer must have sent its handshake. */
  readonly handshake: number;
  /** Milliseconds that a peer waits while its torrent is unavailable, and between two lookups. */
  readonly lookUp: number;
  readonly lookAgain: number;
  /** Milliseconds for which a peer may be silent; clients send a keep-alive every two minutes. */
  readonly silence: number;
  /** Messages a second that are no requests. */
  readonly idleMessages: number;
}

export const LIMITS: SeederLimits = {
  connections: 2000,
  connectionsPerSource: 100,
  handshake: 5000,
  // The hasher, when it fails again and again, is started once a minute.
  lookUp: 90_000,
  lookAgain: 1000,
  silence: 150_000,
  idleMessages: 20_000,
};

/** Whether a connection should end. Looked at once a second. */
export function isOver(session: Session, limits: SeederLimits, now: number): boolean {
  const { connection, state, acceptedAt, upload } = session;
  const age = now - acceptedAt;
  return (
    (state === "handshake" && age > limits.handshake) ||
    (state === "lookup" && age > limits.lookUp) ||
    now - connection.heardAt > limits.silence ||
    connection.idleMessages > limits.idleMessages ||
    (upload?.isDone(connection) ?? false)
  );
}

/**
 * Tells a peer of a torrent from all others, so that none is connected twice. Other peers
 * see its peer id, so the address is part of it, in one of its many forms.
 */
export function peerKey(infoHash: Uint8Array, peerId: Uint8Array, hostname: string): string {
  const address = parseAddress(hostname)?.toHex() ?? hostname;
  return `${Buffer.from(infoHash).toString("hex")} ${Buffer.from(peerId).toString("hex")} ${address}`;
}
