import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { errorCode } from "./error-code.ts";

function thrownBy(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

test.each<[string, unknown, string | undefined]>([
  ["the system", thrownBy(() => readdirSync(`${import.meta.dir}/nowhere`)), "ENOENT"],
  ["the program", new RangeError("no"), undefined],
  ["an aborted wait, whose code is a number", AbortSignal.abort().reason, undefined],
  ["no error", { code: "ENOENT" }, undefined],
])("The code of what %s throws", (_why, error, expected) => {
  expect(errorCode(error)).toEqual(expected);
});
