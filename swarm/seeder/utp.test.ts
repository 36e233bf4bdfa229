/** Refusing uTP, BEP 29. */

import { expect, test } from "bun:test";
import { refuseUtp } from "./utp.ts";

// As libtorrent 2.0.8 sent it.
const SYN = "410032ff2b75b3e1000000000000000083240000";

test.each<[string, string, string | undefined]>([
  ["a wish to connect", SYN, "310032ff00000000000000000000000000008324"],
  ["with more behind it", `${SYN}0000`, "310032ff00000000000000000000000000008324"],
  ["too short", SYN.slice(0, -2), undefined],
  ["data", `01${SYN.slice(2)}`, undefined],
  ["a reset, which nobody answers", `31${SYN.slice(2)}`, undefined],
  ["another version", `42${SYN.slice(2)}`, undefined],
  ["nothing", "", undefined],
])("%s", (_why, packet, expected) => {
  const answer = refuseUtp(Buffer.from(packet, "hex"));
  expect(answer && Buffer.from(answer).toString("hex")).toEqual(expected);
});
