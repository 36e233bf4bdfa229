/** Bytes that are on disk and not in memory: another thread reads them, and they are the same bytes. */
import { expect, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { run, testWith } from "./clients.ts";
import { offsetBytes, settle, startSite, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(60_000);

const BYTES = offsetBytes(24 * 1024 * 1024);

testWith("dd").each<[string, string, number, number]>([
  ["a byte", "bytes=7-7", 7, 8],
  ["a small window", "bytes=100000-299999", 100_000, 300_000],
  ["a piece", "bytes=4194304-8388607", 4_194_304, 8_388_608],
  ["the end", "bytes=-5", BYTES.length - 5, BYTES.length],
  ["more than is read ahead", "bytes=0-", 0, BYTES.length],
])("%s", async (_, range, start, end) => {
  using site = startSite();
  const path = join(site.directory, "file");
  writeSettled(path, BYTES);
  // Written back, then thrown out of memory.
  await run(["dd", `of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"]);
  settle(path);
  const { status, body, complete } = await ask(site.port, "GET", "/data/file", { Range: range });
  expect({ status, complete, exact: body.equals(BYTES.subarray(start, end)) }).toEqual({
    status: 206,
    complete: true,
    exact: true,
  });
});

testWith("dd")("a client that goes away meanwhile costs nothing", async () => {
  using site = startSite();
  const path = join(site.directory, "file");
  writeSettled(path, BYTES);
  await run(["dd", `of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"]);
  settle(path);
  const wire = await Wire.connect(site.port);
  wire.request("GET", "/data/file", { Range: "bytes=4194304-8388607" });
  wire[Symbol.dispose]();
  const { status, body } = await ask(site.port, "GET", "/data/file", { Range: "bytes=0-15" });
  expect([status, body.toString(), site.lines]).toEqual([206, "000000000000000\n", []]);
});
