/** When the process runs out of descriptors: 503, nothing crashes, and all is well again afterwards. */
import { expect } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { startBinary } from "./binary.ts";
import { testWith } from "./clients.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

// Two limits, so that the last descriptor is wanted once by this program and once by the runtime.
testWith("prlimit").each([64, 65])("With %d descriptors", async (limit) => {
  const directory = temporaryDirectory();
  writeSettled(join(directory, "large"), offsetBytes(32 * 1024 * 1024));
  writeSettled(join(directory, "small"), "SMALL");
  await using server = await startBinary([directory], ["prlimit", `--nofile=${limit}:${limit}`]);

  const stalled: Wire[] = [];
  let refused: [number, string | undefined, string] | undefined;
  while (refused === undefined && stalled.length < limit) {
    const wire = await Wire.connect(server.port);
    stalled.push(wire);
    wire.request("GET", "/data/large");
    await wire.waitFor(20);
    wire.pause();
    if (wire.starts("HTTP/1.1 200")) continue;
    wire.resume();
    const { status, fields, body } = await wire.response();
    refused = [status, fields["retry-after"], body.toString()];
  }
  for (const wire of stalled) wire[Symbol.dispose]();
  const { status, body } = await ask(server.port, "GET", "/data/small");
  rmSync(directory, { recursive: true });
  expect({ refused, after: [status, body.toString()], exit: server.process.exitCode }).toEqual({
    refused: [503, "1", "This server is out of resources; try again\n"],
    after: [200, "SMALL"],
    exit: null,
  });
});
