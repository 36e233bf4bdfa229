/**
 * A tree that changes while it is served: a response is one version of its file or
 * ends early, and every request sees what is there now.
 */

import { expect, setDefaultTimeout, test } from "bun:test";
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { offsetBytes, settle, SETTLED, type Site, startSite, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(60_000);

/** Larger than all socket buffers of a reader that has stopped. */
const LARGE = 32 * 1024 * 1024;
const OLD = offsetBytes(LARGE, "o");
const NEW = offsetBytes(LARGE, "n");

function overwrite(path: string, bytes: Uint8Array, position = 0): void {
  const descriptor = openSync(path, "r+");
  writeSync(descriptor, bytes, 0, bytes.length, position);
  closeSync(descriptor);
}

/** Lets the event loop turn until `condition` holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

/**
 * Waits until the server has looked at its files since now: a second download, of a
 * file that is then changed, is ended by the same look.
 */
async function afterALook(site: Site): Promise<void> {
  const path = join(site.directory, "control");
  writeSettled(path, OLD);
  const before = site.server.pendingRequests;
  const wire = await stalled(site, "/data/control");
  overwrite(path, NEW);
  await until(() => site.server.pendingRequests === before);
  wire[Symbol.dispose]();
}

/** A reader that has taken the first bytes of a download and then stopped. */
async function stalled(
  site: Site,
  target: string,
  fields: Record<string, string> = {},
): Promise<Wire> {
  const wire = await Wire.connect(site.port);
  wire.request("GET", target, fields);
  await wire.waitFor(100_000);
  wire.pause();
  return wire;
}

test.each<[string, (path: string) => void]>([
  ["deleted", (path) => unlinkSync(path)],
  [
    "replaced by rename",
    (path) => {
      writeFileSync(`${path}.new`, NEW);
      renameSync(`${path}.new`, path);
    },
  ],
])(
  "A download whose file is %s is sent to its end as the version it began with",
  async (_, change) => {
    using site = startSite();
    const path = join(site.directory, "file");
    writeSettled(path, OLD);
    using wire = await stalled(site, "/data/file");
    change(path);
    wire.resume();
    const { status, complete, body } = await wire.response();
    expect({ status, complete, old: body.equals(OLD) }).toEqual({
      status: 200,
      complete: true,
      old: true,
    });
  },
);

test.each<[string, (path: string) => void]>([
  ["cut to half", (path) => truncateSync(path, LARGE / 2)],
  ["emptied", (path) => truncateSync(path, 0)],
  ["rewritten in place", (path) => overwrite(path, NEW)],
  ["rewritten in one byte", (path) => overwrite(path, Buffer.from("x"), LARGE - 1)],
  ["emptied and rewritten", (path) => writeFileSync(path, NEW)],
  ["rewritten and longer", (path) => writeFileSync(path, Buffer.concat([NEW, NEW]))],
  ["longer, long after it came to rest", (path) => appendFileSync(path, NEW)],
])("A download whose file is %s ends early", async (_, change) => {
  using site = startSite();
  const path = join(site.directory, "file");
  writeSettled(path, OLD);
  using wire = await stalled(site, "/data/file");
  change(path);
  await until(() => site.server.pendingRequests === 0);
  wire.resume();
  const { status, complete } = await wire.response();
  expect({ status, complete }).toEqual({ status: 200, complete: false });
});

test("A download from a file that is still being written ends early when something longer takes its place", async () => {
  using site = startSite();
  const path = join(site.directory, "file");
  writeFileSync(path, OLD);
  using wire = await stalled(site, "/data/file");
  overwrite(path, Buffer.concat([NEW, NEW]));
  await until(() => site.server.pendingRequests === 0);
  wire.resume();
  const { status, complete } = await wire.response();
  expect({ status, complete }).toEqual({ status: 200, complete: false });
});

test.each<[string, (path: string) => void]>([
  ["appended to", (path) => appendFileSync(path, NEW)],
  ["filled where it had a hole", (path) => overwrite(path, NEW, LARGE + 1024 * 1024)],
])(
  "A download from a file that is still being written goes on when it is %s",
  async (_, change) => {
    using site = startSite();
    const path = join(site.directory, "file");
    writeFileSync(path, OLD);
    truncateSync(path, 3 * LARGE);
    using wire = await stalled(site, "/data/file", { Range: `bytes=0-${LARGE - 1}` });
    change(path);
    await afterALook(site);
    wire.resume();
    const { status, complete, body } = await wire.response();
    expect({ status, complete, old: body.equals(OLD) }).toEqual({
      status: 206,
      complete: true,
      old: true,
    });
  },
);

test("A multipart body too large to hold ends early when its file changes", async () => {
  using site = startSite();
  const path = join(site.directory, "file");
  writeSettled(path, OLD);
  const half = LARGE / 2;
  using wire = await stalled(site, "/data/file", {
    Range: `bytes=0-${half - 2},${half}-${LARGE - 1}`,
  });
  overwrite(path, NEW);
  wire.resume();
  const { status, complete, body } = await wire.response();
  expect({ status, complete, news: body.includes("nnnn") }).toEqual({
    status: 206,
    complete: false,
    news: false,
  });
});

test("A request behind a body that its file no longer has is never answered inside it", async () => {
  using site = startSite();
  const path = join(site.directory, "file");
  writeSettled(path, OLD);
  writeSettled(join(site.directory, "small"), "SMALL");
  using wire = await stalled(site, "/data/file");
  truncateSync(path, 1_000_000);
  wire.request("GET", "/data/small");
  wire.resume();
  const { complete, body } = await wire.response();
  const rest = await wire.untilClosed();
  expect({ complete, answered: body.includes("SMALL") || rest.includes("SMALL") }).toEqual({
    complete: false,
    answered: false,
  });
});

test("An idle connection outlives the file it was sent", async () => {
  using site = startSite();
  const path = join(site.directory, "file");
  writeSettled(path, OLD);
  writeSettled(join(site.directory, "small"), "SMALL");
  using wire = await Wire.connect(site.port);
  wire.request("GET", "/data/file");
  const first = await wire.response();
  wire.request("GET", "/data/small");
  const second = await wire.response();
  truncateSync(path, 0);
  await afterALook(site);
  wire.request("GET", "/data/small");
  const third = await wire.response();
  expect([first.complete, second.body.toString(), third.body.toString()]).toEqual([
    true,
    "SMALL",
    "SMALL",
  ]);
});

/** Status, Content-Range and the body's first line: what a peer sees of a piece. */
async function piece(site: Site, first: number, last: number): Promise<(string | number)[]> {
  const { status, fields, body } = await ask(site.port, "GET", "/data/file", {
    Range: `bytes=${first}-${last}`,
  });
  return [status, fields["content-range"] ?? "", body.toString().split("\n")[0] ?? ""];
}

test("Every request sees the file as it is now", async () => {
  using site = startSite();
  const path = join(site.directory, "file");
  const seen: unknown[] = [];
  seen.push(await piece(site, 0, 15));
  writeFileSync(path, offsetBytes(16));
  seen.push(await piece(site, 0, 31));
  seen.push(await piece(site, 16, 31));
  appendFileSync(path, offsetBytes(32).subarray(16));
  seen.push(await piece(site, 16, 31));
  truncateSync(path, 8);
  seen.push(await piece(site, 0, 15));
  unlinkSync(path);
  seen.push(await piece(site, 0, 15));
  writeFileSync(path, offsetBytes(32, "n"));
  seen.push(await piece(site, 16, 31));
  writeFileSync(`${path}.new`, offsetBytes(48, "m"));
  renameSync(`${path}.new`, path);
  seen.push(await piece(site, 32, 1000));
  expect(seen).toEqual([
    [404, "", "There is no such file here"],
    [206, "bytes 0-15/16", "000000000000000"],
    [416, "bytes */16", "Range selects none of the file's 16 bytes"],
    [206, "bytes 16-31/32", "000000000000016"],
    [206, "bytes 0-7/8", "00000000"],
    [404, "", "There is no such file here"],
    [206, "bytes 16-31/32", "nnnnnnnnnnnnn16"],
    [206, "bytes 32-47/48", "mmmmmmmmmmmmm32"],
  ]);
});

test("Validators tell versions apart", async () => {
  using site = startSite();
  const path = join(site.directory, "file");
  const tag = async () => (await ask(site.port, "HEAD", "/data/file")).fields["etag"] ?? "";
  writeSettled(path, "one");
  const first = await tag();
  writeSettled(path, "two");
  const sameStamp = await tag();
  settle(path, SETTLED + 1);
  const later = await tag();
  writeFileSync(path, "now");
  const fresh = await tag();
  // A copy with the same size and stamp, on another inode, is the same to every replica.
  writeSettled(`${path}.new`, "two");
  renameSync(`${path}.new`, path);
  const replica = await tag();
  expect({
    strong: [first, later].every((value) => value.startsWith('"')),
    sameStamp: sameStamp === first,
    later: later === first,
    freshIsWeak: fresh.startsWith("W/"),
    replica: replica === sameStamp,
  }).toEqual({ strong: true, sameStamp: true, later: false, freshIsWeak: true, replica: true });
});

test("Positions past 4 GiB are exact", async () => {
  using site = startSite();
  const path = join(site.directory, "file");
  const SIZE = 5 * 2 ** 40;
  writeFileSync(path, "");
  truncateSync(path, SIZE);
  overwrite(path, Buffer.from("FOUR"), 2 ** 32 - 2);
  overwrite(path, Buffer.from("END"), SIZE - 3);
  const window = async (range: string) => {
    const { status, fields, body } = await ask(site.port, "GET", "/data/file", { Range: range });
    return [status, fields["content-range"], body.length, body.subarray(-4).toString("latin1")];
  };
  const head = await ask(site.port, "HEAD", "/data/file");
  expect([
    await window("bytes=4294967294-4294967297"),
    await window("bytes=-3"),
    await window(`bytes=${SIZE - 2_000_000}-99999999999999999999`),
    (await window(`bytes=${SIZE}-`)).slice(0, 2),
    head.fields["content-length"],
  ]).toEqual([
    [206, "bytes 4294967294-4294967297/5497558138880", 4, "FOUR"],
    [206, "bytes 5497558138877-5497558138879/5497558138880", 3, "END"],
    [206, "bytes 5497556138880-5497558138879/5497558138880", 2_000_000, "\0END"],
    [416, "bytes */5497558138880"],
    "5497558138880",
  ]);
});

// Only tmpfs takes such files without asking.
test.if(existsSync("/dev/shm"))(
  "The last position that can be counted is served, and no file beyond it",
  async () => {
    using site = startSite({}, mkdtempSync("/dev/shm/rangesrv-"));
    const path = join(site.directory, "file");
    const ends: unknown[] = [];
    for (const size of [2 ** 52 - 1, 2 ** 52]) {
      writeFileSync(path, "");
      truncateSync(path, size);
      overwrite(path, Buffer.from("END"), size - 3);
      const { status, body } = await ask(site.port, "GET", "/data/file", { Range: "bytes=-3" });
      ends.push([status, body.toString()]);
    }
    expect(ends).toEqual([
      [206, "END"],
      [500, "The file is larger than this server can serve\n"],
    ]);
  },
);
