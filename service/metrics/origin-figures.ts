/** What the process that has tracker, seeder and digests knows of them, as figures of the table. */

import type { Figures } from "./sampler.ts";

/** By family: IPv4, IPv6. */
type ByFamily = readonly [number, number];

/** What is read of the origin. */
export interface OriginFigures {
  readonly digests: {
    readonly lookups: Readonly<Record<string, number>>;
    /** Bytes. */
    readonly bytesRead: number;
    /** Files. */
    readonly waiting: number;
  };
  readonly counts: {
    /** By suffix. */
    readonly documents: Readonly<Record<string, number>>;
    /** By event, family and result, with a slash between. */
    readonly announces: Readonly<Record<string, number>>;
  };
  readonly tracker: {
    readonly torrents: number;
    readonly population: { readonly leechers: ByFamily; readonly seeders: ByFamily };
    /** Bytes. */
    readonly reported: number;
  };
  /** Undefined: nothing is seeded. */
  readonly seeder:
    | {
        readonly peers: number;
        readonly totals: {
          /** Bytes. */
          readonly bytes: number;
          readonly requests: Readonly<Record<string, number>>;
        };
      }
    | undefined;
}

export function figuresOf({ digests, counts, tracker, seeder }: OriginFigures): Figures {
  const { leechers, seeders } = tracker.population;
  return {
    lookups: digests.lookups,
    hashBytes: digests.bytesRead,
    hashQueue: digests.waiting,
    documents: counts.documents,
    announces: counts.announces,
    torrents: tracker.torrents,
    peers: {
      "seeder/ipv4": seeders[0],
      "seeder/ipv6": seeders[1],
      "leecher/ipv4": leechers[0],
      "leecher/ipv6": leechers[1],
    },
    reported: tracker.reported,
    seedPeers: seeder?.peers ?? 0,
    seedBytes: seeder?.totals.bytes ?? 0,
    seedRequests: seeder?.totals.requests ?? {},
  };
}
