import { expect, test } from "bun:test";
import { Guests } from "./guests.ts";

const ONE = new Uint8Array(20).fill(1);
const TWO = new Uint8Array(20).fill(2);
const HOUR = 3_600_000;

test("A peer is welcome in its swarm, at its address, for an hour", () => {
  const guests = new Guests();
  guests.welcome(ONE, "10.0.0.1", 0);
  guests.welcome(ONE, "2001:db8::1", 0);
  expect([
    guests.has(ONE, "10.0.0.1", HOUR),
    guests.has(ONE, "::ffff:10.0.0.1", HOUR),
    guests.has(ONE, "2001:db8::2", HOUR),
    guests.has(ONE, "10.0.0.1", HOUR + 1),
    guests.has(TWO, "10.0.0.1", 0),
    guests.has(ONE, "10.0.0.2", 0),
  ]).toEqual([true, true, true, false, false, false]);
});

test("Of too many, the one that announced longest ago goes", () => {
  const guests = new Guests(2);
  for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3"]) {
    guests.welcome(ONE, address, 0);
  }
  const left = ["1", "2", "3"].map((last) => guests.has(ONE, `10.0.0.${last}`, 0));
  expect(left).toEqual([true, false, true]);
});
