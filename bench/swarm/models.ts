/** The clients' figures for the simulation, and its results beside the measured ones. */

import { pieceLengthFor } from "../../digests/piece-length.ts";
import { row, spread, table } from "../setup.ts";
import { medianTime, type Record, type Scale } from "./report.ts";
import { type Model, simulate } from "./simulation.ts";

type Client = Pick<Model, "slots" | "neighbours" | "named" | "pick"> & {
  /** Seconds after which upload slots are given out anew. */
  readonly turn: number;
};

/** Their defaults, from their manuals; aria2c's slots, about four, aren't in its own. */
const CLIENTS = {
  libtorrent: { slots: 8, neighbours: 200, named: 50, pick: "rarest", turn: 15 },
  aria2c: { slots: 4, neighbours: 55, named: 50, pick: "rarest", turn: 10 },
} satisfies { readonly [method: string]: Client };

/** Peers that rangesrv sends to at the same time, and seconds within which all have come. */
const ORIGIN_SLOTS = 8;
const ARRIVAL = 0.3;
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
const SEEDS = [1, 2, 3];

/**
 * T/T(1) by the number of peers, measured and simulated. A swarm of one peer takes longer
 * than a download, for its start and its framing: the simulated times include this
 * measured difference.
 */
export function simulationTable(records: readonly Record[], scale: Scale): string {
  const pieces = Math.ceil(scale.length / pieceLengthFor(scale.length));
  const names = Object.keys(CLIENTS);
  const rows = SIZES.map((peers) => {
    const cells = Object.entries(CLIENTS).flatMap(([method, { turn, ...client }]) => {
      const units = (seconds: number) => (seconds * 1000 * pieces) / scale.alone;
      const measured = medianTime(records, method, peers);
      const start = (medianTime(records, method, 1) ?? scale.alone) / scale.alone - 1;
      const outcomes = SEEDS.map((seed) =>
        simulate(
          {
            ...client,
            ...{ peers, pieces, turn: units(turn), arrival: units(ARRIVAL) },
            ...{ origin: "once", originSlots: ORIGIN_SLOTS },
          },
          seed,
        ),
      );
      return [
        measured === undefined ? "–" : (measured / scale.alone).toFixed(2),
        spread(
          outcomes.map(({ finishes }) => start + (finishes.at(-1) ?? NaN)),
          2,
        ),
        spread(
          outcomes.map(({ originSent }) => originSent),
          2,
        ),
      ];
    });
    return row(String(peers), ...cells);
  });
  const columns = names.flatMap((name) => [name, `${name}, simulated`, "origin bytes/file"]);
  return table(["peers", ...columns], rows);
}
