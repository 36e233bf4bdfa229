import { expect, test } from "bun:test";
import { bytesUntilDone, nextTurn } from "./reading-order.ts";

/** `name left served`, urgent unless a background job is meant. */
function jobs(...texts: string[]) {
  return texts.map((text) => {
    const [name = "", left, served = "0"] = text.split(" ");
    return {
      name,
      left: Number(left),
      served: Number(served),
      urgent: name === name.toUpperCase(),
    };
  });
}

test.each<[string, string[], string[]]>([
  ["nobody", [], ["", "", "", ""]],
  ["one", ["A 9"], ["A", "A", "A", "A"]],
  ["the least left, and every fourth the longest unserved", ["A 9", "B 1 7"], ["B", "B", "B", "A"]],
  ["the first of equals", ["A 5", "B 5"], ["A", "A", "A", "A"]],
  ["nobody in the background while somebody waits", ["a 1", "B 9 7"], ["B", "B", "B", "B"]],
  ["the background by the same rule", ["a 9 1", "b 1 7"], ["b", "b", "b", "a"]],
  [
    "the longest unserved, however little the others have left",
    ["A 9 3", "B 8 2", "C 1 4"],
    ["C", "C", "C", "B"],
  ],
])("Turns: %s", (_why, waiting, expected) => {
  const turns = [0, 1, 2, 3].map((turn) => nextTurn(jobs(...waiting), turn)?.name ?? "");
  expect(turns).toEqual(expected);
});

// [why, what is left of each, which of them is meant, bytes]
test.each<[string, number[], number, number]>([
  ["alone", [8], 0, 8],
  ["behind those with less left", [1, 2, 8, 3], 2, 14],
  ["behind one with as much left that was asked for before", [8, 8], 1, 16],
  ["before one with as much left that was asked for later", [9, 9], 0, 12],
  ["beside an endless one, which has every fourth turn", [1e12, 9], 1, 12],
  ["beside one that has little more left than that fourth", [901, 900], 1, 1200],
  ["beside both", [3, 1e12, 6], 2, 12],
  ["nothing left", [1e12, 0], 1, 0],
])("Bytes until it is done: %s", (_why, left, which, expected) => {
  const all = left.map((bytes) => ({ left: bytes }));
  expect(bytesUntilDone(all[which]!, all)).toBe(expected);
});
