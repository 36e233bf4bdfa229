/** Sums over processes, in one memory and between two processes. */

import { expect, test } from "bun:test";
import { counter, gauge, layOut } from "./registry.ts";
import { SlotList, Slots } from "./slots.ts";

const REGISTRY = layOut({
  done: counter("done_total", "N"),
  open: gauge("open", "N"),
  lag: gauge("lag_seconds", "N", { across: "max" }),
});

function three(): Slots {
  const slots = new Slots(REGISTRY, new Float64Array(3 * REGISTRY.length));
  slots.at(0).set([1, 10, 0.5]);
  slots.at(1).set([2, 20, 0.75]);
  slots.at(2).set([4, 40, 0.25]);
  return slots;
}

test("Counters and gauges are summed; of some gauges the largest counts", () => {
  expect([...three().sum()]).toEqual([7, 70, 0.75]);
});

test("The counters of a process that ended stay, its gauges don't", () => {
  const slots = three();
  slots.clearGauges(1);
  expect([[...slots.at(1)], [...slots.sum()]]).toEqual([
    [2, 0, 0],
    [7, 50, 0.5],
  ]);
});

test("A slot that was released is taken again, and the supervisor's never", () => {
  const list = new SlotList(3);
  const taken = [list.take(), list.take(), list.take()];
  list.release(0);
  const none = list.take();
  list.release(1);
  expect([taken, none, list.take(), list.take()]).toEqual([
    [1, 2, undefined],
    undefined,
    1,
    undefined,
  ]);
});

test.if(process.platform === "linux")("Another process adds to the same memory", async () => {
  const { slots, descriptor } = Slots.shared(REGISTRY, 1);
  const code = `
    import { Slots } from ${JSON.stringify(`${import.meta.dir}/slots.ts`)};
    import { layOut, counter, gauge } from ${JSON.stringify(`${import.meta.dir}/registry.ts`)};
    const registry = layOut({ done: counter("a", ""), open: gauge("b", ""), lag: gauge("c", "") });
    const slots = Slots.inherited(registry, 3);
    slots?.at(4).set([slots.at(0)[0] + 1, 2, 3]);
  `;
  slots.at(0)[0] = 41;
  const child = Bun.spawn([process.execPath, "-e", code], {
    stdio: ["ignore", "inherit", "inherit", descriptor ?? null],
  });
  expect([await child.exited, slots.count, [...slots.at(4)]]).toEqual([0, 5, [42, 2, 3]]);
});
