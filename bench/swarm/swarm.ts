/**
 * How long until everyone has the file: `bun bench/swarm/swarm.ts`.
 *
 * Hosts in network namespaces with equal links fetch one file at once, by each way in
 * turn; `--only libtorrent --n 8 --rounds 1` runs one of them. A whole run
 * replaces the section "# Swarm" of bench/RESULTS.md; it takes most of an hour, so
 * `--record FILE` keeps every race, and those it has are not run again (`--rounds 0`:
 * the section from what is there).
 *
 * Needs Linux, root, and Debian's iproute2, curl, aria2, python3-libtorrent, opentracker.
 */

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { arch, cpus, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "../../deploy/build.ts";
import { type Method, METHODS } from "./methods.ts";
import { simulationTable } from "./models.ts";
import { createNetwork, type Network, removeNetwork } from "./network.ts";
import { Programs } from "./race.ts";
import { details, line, medianTime, type Record, replaceSection, summary } from "./report.ts";

const FILE = "file.bin";
/** A way that hardly differs between rounds has all rounds up to this many peers. */
const FEW = 2;

const { values } = parseArgs({
  options: {
    executable: { type: "string" },
    only: { type: "string" },
    n: { type: "string", default: "1,2,4,8,16,32" },
    rounds: { type: "string", default: "3" },
    megabytes: { type: "string", default: "24" },
    mbit: { type: "string", default: "10" },
    patience: { type: "string", default: "60" },
    record: { type: "string" },
    out: { type: "string", default: join(import.meta.dir, "..", "RESULTS.md") },
    keep: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const length = Number(values.megabytes) * 1e6;
const rate = Number(values.mbit) * 1e6;
const sizes = values.n.split(",").map(Number);
const only = values.only?.split(",");
const whole = only === undefined && sizes.length > 1;
/** Milliseconds that one download takes at least; Ethernet, IP and TCP headers are 5 % more. */
const ideal = (length * 8 * 1.05 * 1000) / rate;

if (process.getuid?.() !== 0) throw new Error("Only root makes network namespaces");
/** Memory: no disk is measured. */
const scratch = mkdtempSync("/dev/shm/rs-swarm-");
let ending = false;
process.on("exit", () => {
  ending = true;
  removeNetwork();
  if (!values.keep) rmSync(scratch, { recursive: true, force: true });
});
process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(143));

await main();
process.exit();

async function main(): Promise<void> {
  const methods = METHODS.filter(({ name }) => only === undefined || only.includes(name));
  if (methods.length === 0) throw new Error(`There are ${METHODS.map((m) => m.name).join(", ")}`);
  for (const program of new Set(["ip", "tc", ...methods.flatMap(({ needs }) => needs)]))
    if (Bun.which(program) === null) throw new Error(`${program} is missing`);
  const executable = values.executable ?? join(scratch, "rangesrv");
  if (values.executable === undefined) await build(executable);
  const digest = writeRandomFile();
  const records = readRecords();
  const network = createNetwork(Math.max(...sizes) + 1, rate);

  for (const peers of sizes) {
    for (const method of methods) {
      if (only === undefined && method.only?.includes(peers) === false) continue;
      const wanted = method.steady && peers > FEW ? Math.min(1, rounds) : rounds;
      const had = records.filter((r) => r.method === method.name && r.peers === peers).length;
      for (let round = had; round < wanted; round++) {
        const record = await measure(method, peers, network, executable, digest);
        // The end of its programs ends a race without a result.
        if (ending) return;
        records.push(record);
        if (values.record) appendFileSync(values.record, `${JSON.stringify(record)}\n`);
        const alone = medianTime(records, "origin", 1) ?? ideal;
        console.log(line(record, { length, rate, alone }));
      }
    }
  }
  if (!whole) {
    const scale = { length, rate, alone: medianTime(records, "origin", 1) ?? ideal };
    console.log(
      summary(
        records,
        methods.map(({ name }) => name),
        scale,
      ),
    );
    return;
  }
  const text = section(records, methods);
  console.log(text);
  const before = existsSync(values.out) ? readFileSync(values.out, "utf8") : "";
  writeFileSync(values.out, replaceSection(before, text));
}

async function measure(
  method: Method,
  peers: number,
  network: Network,
  executable: string,
  digest: string,
): Promise<Record> {
  const place = join(scratch, "hosts");
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place);
  using programs = new Programs(network, join(scratch, "log"));
  const race = await method.run(
    {
      ...{ network, programs, executable, digest, length },
      ...{ site: join(scratch, "site"), name: FILE, scratch: place },
      patience: Number(values.patience),
      limit: (peers + 10) * ideal,
    },
    peers,
  );
  return { method: method.name, peers, race };
}

/** Writes incompressible bytes. Returns their SHA-256. */
function writeRandomFile(): string {
  mkdirSync(join(scratch, "site"));
  const path = join(scratch, "site", FILE);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536)
    crypto.getRandomValues(bytes.subarray(at, Math.min(length, at + 65536)));
  writeFileSync(path, bytes);
  utimesSync(path, 1e9, 1e9);
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

function readRecords(): Record[] {
  if (values.record === undefined || !existsSync(values.record)) return [];
  const lines = readFileSync(values.record, "utf8").split("\n").filter(Boolean);
  return lines.map((text): Record => JSON.parse(text));
}

function section(records: readonly Record[], methods: readonly Method[]): string {
  const scale = { length, rate, alone: medianTime(records, "origin", 1) ?? ideal };
  const present = methods.filter(({ name }) => records.some(({ method }) => method === name));
  const names = present.map(({ name }) => name);
  return `# Swarm

\`bun bench/swarm/swarm.ts\`, ${new Date().toISOString().slice(0, 10)}, Linux ${release()} ${arch()}, ${cpus().length} × ${cpus()[0]?.model}.

One file of ${values.megabytes} MB, hosts with links of ${values.mbit} mbit each way, the origin's too. T is the time from a common start until the last host has the file and its SHA-256 is right; T(1) is that of one \`curl\` alone, ${(scale.alone / 1000).toFixed(2)} s. Bytes are those on the origin's link, headers included (one download is 1.05 × the file).

${present.map(({ name, about }) => `- **${name}**: ${about}`).join("\n")}

T/T(1) / bytes sent by the origin ÷ file, medians:

${summary(records, names, scale)}
## Simulated

T/T(1) by bench/swarm/simulation.ts, which knows links, slots, neighbours and what is asked next, for numbers of peers that no one machine holds. A swarm of one, as measured, gives the time for start and framing.

${simulationTable(records, scale)}
${present.map(({ name }) => `## ${name}\n\n${details(records, name, scale)}`).join("\n")}`;
}
