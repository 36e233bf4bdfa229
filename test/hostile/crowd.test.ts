/** More connections than the process has descriptors, each with half a request. */

import { expect, setDefaultTimeout } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startBinary } from "../binary.ts";
import { run, testWith } from "../clients.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "../site.ts";
import { ask, Wire } from "../wire.ts";
import { processorSeconds, UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(60_000);

const LIMIT = 256;
const BODY = offsetBytes(24 * 1024 * 1024);
/** Of a core, during the attack and a download of two seconds. Accepting in vain takes 40 to 60. */
const MOST_PERCENT = 25;

/** Half a request on each of `count` connections, as many as the server lets in. */
async function crowd(port: number, count: number): Promise<Wire[]> {
  const wires: Wire[] = [];
  const connecting = Array.from({ length: count }, async () => {
    const wire = await Wire.connect(port);
    wire.send("GET /data/small HTTP/1.1\r\nHost: te");
    wires.push(wire);
  });
  await Promise.all(connecting);
  return wires;
}

testWith("prlimit", "curl").each<[string, string[], string]>([
  ["descriptors", [], "full: "],
  ["--max-connections", ["--max-connections", "100"], "(--max-connections 100)"],
])("A crowd beyond %s is turned away, and all is well", async (_, options, line) => {
  const directory = temporaryDirectory();
  writeSettled(join(directory, "large"), BODY);
  writeSettled(join(directory, "small"), "SMALL");
  const wrapper = ["prlimit", `--nofile=${LIMIT}:${LIMIT}`];
  await using server = await startBinary([...options, directory], wrapper);
  const got = join(temporaryDirectory(), "got");
  const seen = await withstand(server, "small", async () => {
    const began = performance.now();
    const before = processorSeconds(server.process.pid);
    const rate = ["--limit-rate", "12M"];
    const download = run(["curl", "-sS", ...rate, "-o", got, `${server.origin}/data/large`]);
    while (Bun.file(got).size === 0) await new Promise(setImmediate);
    const wires = await crowd(server.port, 2 * LIMIT);
    await server.printed(line);
    // It serves all the same, after a second or so for one that is kept out at first.
    const { status, body } = await ask(server.port, "GET", "/data/small");
    const { exitCode } = await download;
    const elapsed = (performance.now() - began) / 1000;
    const percent = (100 * (processorSeconds(server.process.pid) - before)) / elapsed;
    const refused = wires.map((wire) => wire.begins()).filter((begun) => begun !== "");
    for (const wire of wires) wire[Symbol.dispose]();
    expect({
      answered: [status, body.toString()],
      exitCode,
      whole: readFileSync(got).equals(BODY),
      busy: percent <= MOST_PERCENT ? "little" : `${percent} %`,
      refused: [...new Set(refused)],
    }).toEqual({
      answered: [200, "SMALL"],
      exitCode: 0,
      whole: true,
      busy: "little",
      refused: ["HTTP/1.1 503 Service Unavailable"],
    });
    await server.printed("no longer full");
  });
  expect(seen).toEqual(UNHARMED);
});

testWith("prlimit")("A crowd of stalled downloads leaves descriptors for others", async () => {
  const directory = temporaryDirectory();
  writeSettled(join(directory, "large"), BODY);
  writeSettled(join(directory, "small"), "SMALL");
  const wrapper = ["prlimit", `--nofile=${LIMIT}:${LIMIT}`];
  await using server = await startBinary([directory], wrapper);
  const seen = await withstand(server, "small", async () => {
    const wires = await Promise.all(
      Array.from({ length: LIMIT }, async () => {
        const wire = await Wire.connect(server.port);
        wire.request("GET", "/data/large");
        await wire.waitFor(1);
        wire.pause();
        return wire;
      }),
    );
    await server.printed("full: ");
    const answers = new Set(wires.map((wire) => wire.begins()));
    for (const wire of wires) wire[Symbol.dispose]();
    await server.printed("no longer full");
    expect([...answers].toSorted()).toEqual([
      "HTTP/1.1 200 OK",
      "HTTP/1.1 503 Service Unavailable",
    ]);
  });
  expect(seen).toEqual(UNHARMED);
});
