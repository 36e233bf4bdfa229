/** The figures by which {@link Seeding} decides, and how they were found. */

export interface Tuning {
  /** Pieces that are sent at a time, not counting stalled ones. */
  readonly underWay: number;
  /** Milliseconds without a block after which a piece counts as stalled. */
  readonly stalled: number;
  /** Bytes that are shown ahead, over all peers, at least and at most. */
  readonly ahead: readonly [least: number, most: number];
  /** Milliseconds after which a piece that isn't requested is shown to another peer; a fourth of it for one that isn't taken. */
  readonly release: number;
  /** Milliseconds without a piece from other peers after which this server feeds a peer, at least and at most. */
  readonly patience: readonly [least: number, most: number];
  /** The same for a client that is as slow as Transmission. */
  readonly slowPatience: number;
  /** Milliseconds after which an idle link counts as wasted, while some pieces never left. */
  readonly idle: number;
  /** The part of the file's size that is sent again for being rare. */
  readonly repeats: number;
  /** The same for peers as slow as Transmission, that have three quarters of it. */
  readonly slowRepeats: number;
  /** Milliseconds for which a peer that left complete counts as a copy of everything. */
  readonly remembered: number;
}

export const TUNING: Tuning = {
  // Two left a link of 20 Mbit/s idle for a fifth of the time when the receivers' links were
  // busy with other peers; from four to sixteen made no difference.
  underWay: 8,
  stalled: 100,
  ahead: [256 * 1024, 8 * 1024 * 1024],
  // Transmission asks within eleven seconds.
  release: 12_000,
  patience: [1500, 20_000],
  // Transmission 3.00 tells of a piece after up to ten seconds, looks every ten seconds for
  // peers that have what it wants, and tells us of what it got from them as late.
  slowPatience: 35_000,
  idle: 50,
  // With 32 peers at 10 Mbit/s, 0.1 took as long as this and sent 1.14 and 1.17 times the file.
  repeats: 0.03,
  // Eight Transmissions waited 15 seconds for what one of them had, while this link was idle.
  slowRepeats: 0.2,
  remembered: 30_000,
};

/** Requests of a peer that may wait (`reqq` of BEP 10). */
export const REQUEST_QUEUE = 500;
