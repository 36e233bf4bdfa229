/** When the process runs out of descriptors: nothing crashes, and all is well again afterwards. */

import { expect, setDefaultTimeout } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { startBinary } from "./binary.ts";
import { testWith } from "./clients.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(60_000);

// Limits one apart, so that the last descriptor is wanted by this program, by the runtime and by the kernel.
testWith("prlimit").concurrent.each([64, 65, 66])("With %d descriptors", async (limit) => {
  const directory = temporaryDirectory();
  writeSettled(join(directory, "large"), offsetBytes(32 * 1024 * 1024));
  writeSettled(join(directory, "small"), "SMALL");
  await using server = await startBinary([directory], ["prlimit", `--nofile=${limit}:${limit}`]);

  const stalled: Wire[] = [];
  let over = false;
  for (let n = 0; n < limit; n++) {
    // Not awaited: the last ones are kept out, and their kernel tries again later and later.
    void Wire.connect(server.port).then(
      (wire) => {
        if (over) return wire[Symbol.dispose]();
        wire.request("GET", "/data/large");
        stalled.push(wire);
      },
      () => {},
    );
  }
  await server.printed("full: ");
  const answers = new Set(stalled.map((wire) => wire.begins()));
  over = true;
  for (const wire of stalled) wire[Symbol.dispose]();
  // Those that had waited to be accepted are still answered, and then found closed.
  let after = await ask(server.port, "GET", "/data/small");
  while (after.status === 503) after = await ask(server.port, "GET", "/data/small");
  rmSync(directory, { recursive: true });
  for (const expected of ["", "HTTP/1.1 200 OK", "HTTP/1.1 503 Service Unavailable"]) {
    answers.delete(expected);
  }
  expect({
    answers: [...answers],
    after: [after.status, after.body.toString()],
    exit: server.process.exitCode,
  }).toEqual({
    answers: [],
    after: [200, "SMALL"],
    exit: null,
  });
});
