import { expect, test } from "bun:test";
import { bytesUntilDone, nextTurn } from "./turns.ts";

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

test.each<[string, number, number[], number]>([
  ["alone", 8, [], 8],
  ["behind those with less left", 8, [1, 2, 3], 14],
  ["behind one with as much left", 8, [8], 16],
  ["beside an endless one, which has every fourth turn", 9, [1e12], 12],
  ["beside one that has little more left than that fourth", 900, [901], 1200],
  ["beside both", 6, [3, 1e12], 12],
  ["nothing left", 0, [1e12], 0],
])("Bytes until it is done: %s", (_why, left, others, expected) => {
  expect(bytesUntilDone(left, others)).toBe(expected);
});
