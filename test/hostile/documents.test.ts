/**
 * Documents about a file or a folder: what strangers may ask for costs little however
 * often they ask, and no name in the tree says anything to a client but itself.
 */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Running, startBinary } from "../binary.ts";
import { settle, temporaryDirectory, writeSettled } from "../site.ts";
import { ask, Wire, type WireResponse } from "../wire.ts";
import { processorSeconds, UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(120_000);

function tree(): string {
  const directory = join(temporaryDirectory(), "tree");
  mkdirSync(directory);
  writeSettled(join(directory, "small"), "small");
  return directory;
}

/** Starts it, and the process that hashes: its memory is no attack's. */
async function start(directory: string, ...options: string[]): Promise<Running> {
  const args = ["--host", "127.0.0.1", "--no-seed", ...options, directory];
  const running = await startBinary(args);
  await untilReady(running.port, "/data/small.sha256");
  return running;
}

/** A folder of so many files of one byte. */
function fillFolder(path: string, files: number): void {
  mkdirSync(path);
  for (let n = 0; n < files; n++) writeSettled(join(path, `${n}`), "x");
}

/** MiB: what is known of ten thousand files, a few times over until it is collected. */
const FOLDER = 100;

/** Asks until a document is there, as its 503 says to. */
async function untilReady(port: number, target: string): Promise<WireResponse> {
  for (;;) {
    const response = await ask(port, "GET", target);
    if (response.status !== 503) return response;
  }
}

describe("A folder", () => {
  const directory = tree();

  beforeAll(() => fillFolder(join(directory, "folder"), 10_000));

  // Ten thousand files take longer to remove than the tests' own cleaning may.
  afterAll(() => rmSync(directory, { recursive: true }));

  test("of 10 000 files is looked at once for those who ask within a second", async () => {
    await using running = await start(directory);
    const { port } = running;
    const { pid } = running.process;
    const first = await untilReady(port, "/data/folder.torrent");
    let seconds = 0;
    const statuses = new Set<number>();
    const seen = await withstand(
      running,
      "small",
      async () => {
        const before = processorSeconds(pid);
        for (let n = 0; n < 40; n++) {
          const fields = {
            "If-None-Match": n % 2 === 0 ? '"other"' : (first.fields["etag"] ?? ""),
          };
          const { status } = await ask(port, "HEAD", "/data/folder.torrent", fields);
          statuses.add(status);
        }
        seconds = processorSeconds(pid) - before;
      },
      FOLDER,
    );
    expect({ ...seen, statuses: [...statuses].sort(), little: seconds < 1.5 }).toEqual({
      ...UNHARMED,
      statuses: [200, 304],
      little: true,
    });
  });

  test("of 10 000 files has its digests made once, while others are served", async () => {
    await using running = await start(directory);
    const { port } = running;
    // The process that hashes is there before memory is looked at.
    await untilReady(port, "/data/small.sha256");
    const seen = await withstand(
      running,
      "small",
      async () => {
        await Promise.all(
          [".txt", ".meta4", "/SHA256SUMS", ".txt", ".meta4", "/SHA256SUMS"].map((suffix) =>
            untilReady(port, `/data/folder${suffix}`),
          ),
        );
      },
      FOLDER,
    );
    const lines = (await untilReady(port, "/data/folder/SHA256SUMS")).body.toString().split("\n");
    expect({ ...seen, lines: lines.length }).toEqual({ ...UNHARMED, lines: 10_001 });
  });

  test.each<[string, () => string, string]>([
    [
      "of 10 000 empty ones",
      () => {
        const path = join(directory, "empty");
        mkdirSync(path);
        for (let n = 0; n < 10_000; n++) mkdirSync(join(path, `${n}`));
        return "empty";
      },
      "There are no bytes to share: a torrent has at least one piece\n",
    ],
    [
      "of 10 001 files",
      () => {
        writeSettled(join(directory, "folder", "one more"), "x");
        return "folder";
      },
      "The folder has more than 10000 files, the most that a torrent has here\n",
    ],
  ])(
    "%s is walked while others are served, and not for everybody anew",
    async (_why, fill, reason) => {
      const folder = fill();
      await using running = await start(directory);
      const { port } = running;
      const { pid } = running.process;
      const order: string[] = [];
      const reasons = new Set<string>();
      let seconds = 0;
      const seen = await withstand(
        running,
        "small",
        async () => {
          using one = await Wire.connect(port);
          using other = await Wire.connect(port);
          one.request("GET", `/data/${folder}.torrent`);
          other.request("GET", "/data/small");
          await Promise.all([
            one.response().then(() => order.push("its folder")),
            other.response().then(() => order.push("small")),
          ]);
          const before = processorSeconds(pid);
          const asked = Array.from({ length: 40 }, () =>
            ask(port, "GET", `/data/${folder}.torrent`),
          );
          for (const { body } of await Promise.all(asked)) reasons.add(body.toString());
          seconds = processorSeconds(pid) - before;
        },
        FOLDER,
      );
      expect({ ...seen, order, reasons: [...reasons], little: seconds < 3 }).toEqual({
        ...UNHARMED,
        order: ["small", "its folder"],
        reasons: [reason],
        little: true,
      });
    },
  );

  test("of which each part is asked for at the same time", async () => {
    const directory = tree();
    for (let n = 0; n < 50; n++) fillFolder(join(directory, `folder${n}`), 40);
    await using running = await start(directory);
    const statuses = new Set<number>();
    const seen = await withstand(running, "small", async () => {
      const asked = Array.from({ length: 300 }, (_, n) => {
        return ask(running.port, "HEAD", `/data/folder${n % 50}.torrent`);
      });
      for (const { status } of await Promise.all(asked)) statuses.add(status);
    });
    const odd = [...statuses].filter((status) => status !== 200 && status !== 503);
    expect({ ...seen, odd }).toEqual({ ...UNHARMED, odd: [] });
  });

  test("of 10 001 files has no document", async () => {
    // The folder of the tests above, with one file more.
    await using running = await start(directory);
    const said = new Set<string>();
    for (const suffix of [".txt", ".meta4", "/SHA256SUMS"]) {
      const { status, body } = await untilReady(running.port, `/data/folder${suffix}`);
      said.add(`${status} ${body.toString()}`);
    }
    expect([...said]).toEqual([
      "404 The folder has more than 10000 files, the most that a document has here\n",
    ]);
  });

  test("has no checksum of its own and a list of URLs, and no file is read for them", async () => {
    const directory = tree();
    mkdirSync(join(directory, "folder"));
    writeFileSync(join(directory, "folder", "long"), "");
    truncateSync(join(directory, "folder", "long"), 2 ** 38);
    settle(join(directory, "folder", "long"));
    await using running = await start(directory);
    const said: string[] = [];
    const seen = await withstand(running, "small", async () => {
      for (const kind of ["txt", "sha256"]) {
        const { status, body } = await ask(running.port, "GET", `/data/folder.${kind}`);
        said.push(`${status} ${body.toString()}`);
      }
    });
    expect({ ...seen, said }).toEqual({
      ...UNHARMED,
      said: [
        "200 http://test/data/folder/long\n",
        "404 A folder has no .sha256; it has SHA256SUMS in it\n",
      ],
    });
  });

  test("that changes all the time is answered or refused", async () => {
    const directory = tree();
    const folder = join(directory, "folder");
    fillFolder(folder, 300);
    await using running = await start(directory);
    const statuses = new Set<number>();
    const seen = await withstand(running, "small", async () => {
      for (let round = 0; round < 40; round++) {
        const asked = [".torrent", ".magnet", ".meta4", ".txt", "/SHA256SUMS"].map((suffix) => {
          return ask(running.port, "GET", `/data/folder${suffix}`);
        });
        renameSync(folder, join(directory, "moved"));
        renameSync(join(directory, "moved"), folder);
        rmSync(join(folder, `${round}`));
        writeFileSync(join(folder, `new${round}`), "x");
        for (const { status } of await Promise.all(asked)) statuses.add(status);
      }
    });
    const odd = [...statuses].filter((status) => ![200, 404, 503].includes(status));
    expect({ ...seen, odd }).toEqual({ ...UNHARMED, odd: [] });
  });
});

describe("Names", () => {
  test("of dots lead nowhere", async () => {
    await using running = await start(tree(), "--dotfiles");
    const names = [
      "..torrent",
      "...torrent",
      "..sha256",
      "...meta4",
      "%2e.magnet",
      "..%2f.torrent",
    ];
    const said: number[] = [];
    const seen = await withstand(running, "small", async () => {
      for (const name of names) {
        said.push((await untilReady(running.port, `/data/${name}`)).status);
      }
    });
    const nowhere = said.map((status) => status === 404 || status === 400);
    expect({ ...seen, nowhere }).toEqual({ ...UNHARMED, nowhere: names.map(() => true) });
  });

  test("with line breaks, quotes and markup stay names", async () => {
    const directory = tree();
    const names = [
      "a\r\nX-Injected: 1",
      'q"q',
      "<a>&amp;",
      "\x1b[2J",
      "ü ö",
      "%0d%0a",
      "\\",
      "x".repeat(240),
    ];
    for (const name of names) writeSettled(join(directory, name), "content");
    await using running = await start(directory);
    const wrong: string[] = [];
    const seen = await withstand(running, "small", async () => {
      for (const name of names) {
        for (const kind of ["torrent", "magnet", "meta4", "sha256"]) {
          const target = `/data/${encodeURIComponent(name)}.${kind}`;
          const { status, fields, body } = await untilReady(running.port, target);
          const isOdd =
            kind === "meta4" && /[\x00-\x08\x0b-\x1f]/.test(name.replaceAll(/[\r\n]/g, ""));
          const isPlain = !/[\x00-\x09\x0b-\x1f\x7f]/.test(body.toString("latin1"));
          if (status !== (isOdd ? 404 : 200)) wrong.push(`${name}.${kind}: ${status}`);
          if ("x-injected" in fields) wrong.push(`${name}.${kind}: a field`);
          if ((kind === "magnet" || kind === "meta4") && !isPlain) wrong.push(`${name}.${kind}`);
        }
      }
    });
    expect({ ...seen, wrong }).toEqual({ ...UNHARMED, wrong: [] });
  });
});

test("A document names the host that was asked, and is asked for again by caches", async () => {
  await using running = await start(tree());
  const seen: unknown[] = [];
  const harm = await withstand(running, "small", async () => {
    await untilReady(running.port, "/data/small.meta4");
    for (const host of ["one.example", "other.example:8080"]) {
      const asked = { Host: host };
      const { fields, body } = await ask(running.port, "GET", "/data/small.meta4", asked);
      const tagged = { ...asked, "If-None-Match": fields["etag"] ?? "" };
      const again = await ask(running.port, "GET", "/data/small.meta4", tagged);
      const names = body.toString().includes(`>http://${host}/data/small</url>`);
      seen.push([names, fields["cache-control"], again.status, again.fields["cache-control"]]);
    }
  });
  expect({ ...harm, seen }).toEqual({
    ...UNHARMED,
    seen: [
      [true, "no-cache", 304, "no-cache"],
      [true, "no-cache", 304, "no-cache"],
    ],
  });
});
