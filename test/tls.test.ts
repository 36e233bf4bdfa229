/**
 * The executable over TLS, by HTTP/1.1 and HTTP/2: the same answers as over plain HTTP, one
 * version of a file or a broken transfer, new certificates while downloads go on, and
 * mistakes in the files of a certificate.
 */

import { expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, readdirSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { join } from "node:path";
import { binary, type Running, startBinary } from "./binary.ts";
import { type CertificatePaths, makeCertificate, openssl, servedName } from "./certificates.ts";
import { run, testWith } from "./clients.ts";
import { overwrite } from "./rewriting.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(60_000);

const testTls = testWith("curl", "openssl");
const MIB = 1024 * 1024;
const LARGE = 24 * MIB;

/** A tree with files of each way to send them. */
function makeTree(): string {
  const directory = temporaryDirectory();
  writeSettled(join(directory, "small"), "SMALL");
  writeSettled(join(directory, "page.html"), "<p>");
  writeSettled(join(directory, "large"), offsetBytes(LARGE));
  return directory;
}

const tlsArgs = ({ cert, key }: CertificatePaths) => ["--tls-cert", cert, "--tls-key", key];

/** A server over TLS, by both versions of HTTP. */
async function startTls(...args: string[]) {
  const home = temporaryDirectory();
  const files = await makeCertificate(home, "first");
  const directory = makeTree();
  const running = await startBinary([
    ...tlsArgs(files),
    "--http2",
    "--no-seed",
    "--host",
    "127.0.0.1",
    ...args,
    directory,
  ]);
  return { running, files, home, directory };
}

const CURL = ["curl", "-sk", "--max-time", "50"];

/** What curl was answered. Fields that differ from one answer to the next are left out. */
async function fetchBy(version: string, origin: string, path: string, args: readonly string[]) {
  const out = join(temporaryDirectory(), "out");
  const head = ["-D", `${out}.head`, "-o", out, "-w", "%{http_code} %{http_version} %{exitcode}"];
  const ran = await run([...CURL, `--http${version}`, ...head, ...args, `${origin}${path}`]);
  const [status, http, exitCode] = ran.stdout.split(" ");
  const lines = (await Bun.file(`${out}.head`).text()).toLowerCase().split("\r\n").slice(1);
  const own = /^(?:date|content-length|transfer-encoding|connection|keep-alive):/;
  const boundary = /boundary=(\S+)/.exec(lines.join("\n"))?.[1] ?? "no boundary";
  const fields = lines
    .filter((line) => line !== "" && !own.test(line))
    .map((line) => line.replace(boundary, "BOUNDARY"))
    .sort();
  const file = Bun.file(out);
  const body =
    !args.includes("-I") && (await file.exists())
      ? Buffer.from(await file.bytes()).toString("latin1")
      : "";
  const plain = body.replaceAll(new RegExp(boundary, "gi"), "BOUNDARY");
  const hash = Bun.hash(plain.replaceAll(origin, "ORIGIN"));
  return { answer: { status, exitCode, fields, length: plain.length, hash }, http };
}

const withoutTag = (fields: readonly string[]) => fields.filter((one) => !one.startsWith("etag"));
const range = (spec: string) => ["-r", spec];
const field = (text: string) => ["-H", text];
const window = (n: number) => range(`${n * 8 * MIB}-${(n + 1) * 8 * MIB - 1}`);

const REQUESTS: readonly [string, string, readonly string[]][] = [
  ["a small file", "/data/small", []],
  ["a large file", "/data/large", []],
  ["HEAD", "/data/large", ["-I"]],
  ["a small range", "/data/large", range("16-31")],
  ["the last bytes", "/data/large", range("-5")],
  ["8 MiB", "/data/large", window(0)],
  ["the 8 MiB behind", "/data/large", window(1)],
  ["the last 8 MiB", "/data/large", window(2)],
  ["small parts", "/data/large", range("0-4,100-104")],
  ["large parts", "/data/large", range("0-5000000,10000000-15000000")],
  ["a range past the end", "/data/small", range("9-")],
  ["a malformed range", "/data/small", field("Range: bytes=x")],
  ["not modified", "/data/small", field("If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT")],
  ["a precondition", "/data/small", field('If-Match: "no"')],
  ["If-Range that fails", "/data/small", [...range("0-1"), ...field('If-Range: "no"')]],
  ["a listing", "/data/", []],
  ["a listing for machines", "/data/", field("Accept: application/json")],
  ["a page", "/data/page.html", []],
  ["a slash that is missing", "/", []],
  ["nothing", "/data/none", []],
  ["another method", "/data/small", ["-X", "DELETE"]],
  ["OPTIONS", "/data/small", ["-X", "OPTIONS"]],
  ["a checksum", "/data/small.sha256", ["--retry", "9"]],
  ["a Metalink", "/data/small.meta4", ["--retry", "9"]],
  ["an announce", "/-/announce?info_hash=x", []],
];

testTls("The same answers over HTTP, TLS and HTTP/2", async () => {
  const { running, directory } = await startTls();
  await using secure = running;
  await using plain = await startBinary(["--no-seed", "--host", "127.0.0.1", directory]);
  const seen: unknown[] = [];
  const expected: unknown[] = [];
  for (const [why, path, args] of REQUESTS) {
    // The documents are about different origins: what is made of the file is the same.
    const [one, two, three] = await Promise.all([
      fetchBy("1.1", plain.origin, path, args),
      fetchBy("1.1", secure.origin, path, args),
      fetchBy("2", secure.origin, path, args),
    ]);
    const lost = (answer: (typeof one)["answer"]) =>
      path.endsWith(".meta4")
        ? { ...answer, hash: 0, length: 0, fields: withoutTag(answer.fields) }
        : answer;
    expected.push([why, "1.1", "2", lost(one.answer), lost(one.answer)]);
    seen.push([why, two.http, three.http, lost(two.answer), lost(three.answer)]);
  }
  expect(seen).toEqual(expected);
});

testTls("The bytes are those of the file", async () => {
  const { running } = await startTls();
  await using server = running;
  const bytes = offsetBytes(LARGE);
  for (const version of ["1.1", "2"]) {
    const out = join(temporaryDirectory(), "out");
    const by = [...CURL, `--http${version}`, "-o", out];
    // 8 MiB, then the rest.
    await run([...by, ...window(0), `${server.origin}/data/large`]);
    const resumed = await run([...by, "-C", "-", `${server.origin}/data/large`]);
    const same = Buffer.from(await Bun.file(out).bytes()).equals(bytes);
    expect([version, resumed.exitCode, same]).toEqual([version, 0, true]);
  }
});

testTls("openssl s_client is answered, and documents and the banner name https", async () => {
  const { running } = await startTls();
  await using server = running;
  const client = Bun.spawn(
    ["openssl", "s_client", "-quiet", "-connect", `127.0.0.1:${server.port}`],
    { stdin: "pipe", stdout: "pipe", stderr: "ignore" },
  );
  client.stdin.write("GET /data/small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  await client.stdin.flush();
  const answer = await client.stdout.text();
  const meta4 = await run([...CURL, "--retry", "9", `${server.origin}/data/small.meta4`]);
  const url = /<url[^>]*>([^<]*)</.exec(meta4.stdout)?.[1];
  expect({
    banner: server.stderr().includes(`https://127.0.0.1:${server.port}/data/`),
    begins: answer.slice(0, 15),
    ends: answer.slice(-5),
    url,
  }).toEqual({
    banner: true,
    begins: "HTTP/1.1 200 OK",
    ends: "SMALL",
    url: `${server.origin}/data/small`,
  });
});

testTls("What isn't TLS 1.2 or 1.3 ends the connection, and nothing else", async () => {
  const { running } = await startTls();
  await using server = running;
  using plain = await Wire.connect(server.port);
  plain.request("GET", "/data/small");
  const refused = await plain.untilClosed();
  const old = await run(["openssl", "s_client", "-connect", `127.0.0.1:${server.port}`, "-tls1_1"]);
  const again = await fetchBy("1.1", server.origin, "/data/small", []);
  // A TLS alert (RFC 8446 §6), and no HTTP.
  expect({
    plain: refused.length < 10 && refused[0] !== 0x48,
    old: /alert protocol version/.test(old.stderr),
    again: again.answer.status,
  }).toEqual({ plain: true, old: true, again: "200" });
});

testTls("A client can't begin a handshake anew", async () => {
  const { running } = await startTls();
  await using server = running;
  const connecting = ["openssl", "s_client", "-connect", `127.0.0.1:${server.port}`, "-tls1_2"];
  const client = Bun.spawn(connecting, { stdin: "pipe", stdout: "ignore", stderr: "pipe" });
  // A line that is R alone asks for it.
  client.stdin.write("R\n");
  await client.stdin.flush();
  const said = await client.stderr.text();
  const { answer } = await fetchBy("1.1", server.origin, "/data/small", []);
  expect([/no renegotiation/.test(said), answer.status]).toEqual([true, "200"]);
});

/** A download over HTTP/2 by a client that stops reading, and what it has received. */
class Download {
  received = 0;
  /** Marks of the versions of which it has received bytes. */
  readonly marks = new Set<string>();
  readonly begun: Promise<void>;
  /** `complete`, or `broken`. */
  readonly ended: Promise<string>;
  readonly #stream: ReturnType<ClientHttp2Session["request"]>;

  constructor(session: ClientHttp2Session, path: string, stops: boolean) {
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<string>();
    this.begun = begun.promise;
    this.ended = ended.promise;
    const stream = session.request({ ":path": path });
    this.#stream = stream;
    let length = NaN;
    stream.on("response", (fields) => (length = Number(fields["content-length"])));
    stream.on("data", (chunk: Buffer) => {
      this.received += chunk.length;
      for (const mark of ["o", "n"]) if (chunk.includes(mark)) this.marks.add(mark);
      if (this.received < 100_000) return;
      if (stops) stream.pause();
      stops = false;
      begun.resolve();
    });
    stream.on("error", () => ended.resolve("broken"));
    stream.on("close", () => ended.resolve(this.received === length ? "complete" : "broken"));
    stream.end();
  }

  goOn(): void {
    this.#stream.resume();
  }
}

const CHANGES: readonly [string, (path: string) => void, string, string[]][] = [
  ["rewritten in place", (path) => overwrite(path, offsetBytes(LARGE, "n")), "broken", ["o"]],
  ["truncated", (path) => truncateSync(path, LARGE / 2), "broken", ["o"]],
  [
    "replaced by another",
    (path) => {
      writeSettled(`${path}.new`, offsetBytes(LARGE, "n"));
      renameSync(`${path}.new`, path);
    },
    "complete",
    ["o"],
  ],
];

for (const [how, change, ends, marks] of CHANGES) {
  testTls(`A file that is ${how} under a stalled stream of HTTP/2`, async () => {
    const { running, directory } = await startTls();
    await using server = running;
    for (const name of ["changing", "other"]) {
      writeSettled(join(directory, name), offsetBytes(LARGE, "o"));
    }
    const session = connect(server.origin, { rejectUnauthorized: false });
    session.on("error", () => {});
    const stalled = new Download(session, "/data/changing", true);
    await stalled.begun;
    // Others come and go on the same connection meanwhile, and it comes to rest.
    for (let n = 0; n < 3; n++) {
      expect(await new Download(session, "/data/other", false).ended).toBe("complete");
    }
    change(join(directory, "changing"));
    await afterALook(server, directory);
    stalled.goOn();
    const seen = { ends: await stalled.ended, marks: [...stalled.marks] };
    session.destroy();
    expect(seen).toEqual({ ends, marks });
  });

  testTls(`A file that is ${how} under a throttled download over TLS`, async () => {
    const { running, directory } = await startTls();
    await using server = running;
    const path = join(directory, "changing");
    writeSettled(path, offsetBytes(LARGE, "o"));
    const out = join(temporaryDirectory(), "out");
    const args = ["--http1.1", "--limit-rate", "8M", "-o", out];
    const client = Bun.spawn([...CURL, ...args, `${server.origin}/data/changing`]);
    while (((await Bun.file(out).exists()) ? Bun.file(out).size : 0) < MIB) await turn();
    change(path);
    const exitCode = await client.exited;
    const bytes = Buffer.from(await Bun.file(out).bytes());
    const seen = ["o", "n"].filter((mark) => bytes.includes(mark));
    const complete = exitCode === 0 && bytes.length === LARGE;
    expect({ ends: complete ? "complete" : "broken", seen }).toEqual({ ends, seen: marks });
  });
}

/** Waits until the server has looked at its downloads: one of another file, which is rewritten, is ended by a look. */
async function afterALook(server: Running, directory: string): Promise<void> {
  const path = join(directory, "control");
  writeSettled(path, offsetBytes(LARGE, "o"));
  const session = connect(server.origin, { rejectUnauthorized: false });
  session.on("error", () => {});
  const control = new Download(session, "/data/control", true);
  await control.begun;
  overwrite(path, offsetBytes(LARGE, "n"));
  control.goOn();
  await control.ended;
  session.destroy();
}

async function turn(): Promise<void> {
  await new Promise(setImmediate);
}

for (const workers of ["1", "2"]) {
  testTls(`New files of a certificate at SIGHUP, ${workers} workers`, async () => {
    const { running, files, home } = await startTls("--workers", workers);
    await using server = running;
    const second = await makeCertificate(home, "second");
    const outs = ["1.1", "2"].map((version) => {
      const out = join(home, `out.${version}`);
      const args = [`--http${version}`, "--limit-rate", "6M", "-o", out];
      return { out, client: Bun.spawn([...CURL, ...args, `${server.origin}/data/large`]) };
    });
    for (const { out } of outs) while (!(await Bun.file(out).exists())) await turn();
    // Half of them: what runs stays.
    copyFileSync(second.cert, files.cert);
    server.process.kill("SIGHUP");
    await server.printed("kept what runs");
    const kept = await servedName(server.port);
    copyFileSync(second.key, files.key);
    server.process.kill("SIGHUP");
    while ((await servedName(server.port)) !== "second.test") await turn();
    const ended = await Promise.all(outs.map(({ client }) => client.exited));
    const bytes = offsetBytes(LARGE);
    const same = await Promise.all(
      outs.map(async ({ out }) => Buffer.from(await Bun.file(out).bytes()).equals(bytes)),
    );
    const reason = `Cannot use "${files.key}": it is not the key of the first certificate in "${files.cert}"`;
    expect({ kept, ended, same, said: server.stderr().includes(reason) }).toEqual({
      kept: "first.test",
      ended: [0, 0],
      same: [true, true],
      said: true,
    });
  });
}

testTls("No connection is refused or cut while certificates change", async () => {
  const { running, files, home } = await startTls();
  await using server = running;
  const pairs = [await makeCertificate(home, "one"), await makeCertificate(home, "two")];
  let going = true;
  const failures: string[] = [];
  const clients = [1, 2].map(async (n) => {
    while (going) {
      const { stdout } = await run([
        ...[...CURL, `--http${n === 1 ? "1.1" : "2"}`, "-w", " %{http_code} %{exitcode}"],
        `${server.origin}/data/small`,
      ]);
      if (stdout !== "SMALL 200 0") failures.push(stdout);
    }
  });
  for (const [n, pair] of [...pairs, ...pairs].entries()) {
    copyFileSync(pair.cert, files.cert);
    copyFileSync(pair.key, files.key);
    server.process.kill("SIGHUP");
    const name = ["one", "two"][n % 2];
    while ((await servedName(server.port)) !== `${name}.test`) await turn();
  }
  going = false;
  await Promise.all(clients);
  expect(failures).toEqual([]);
});

testTls("Downloads that are given up leave no descriptor behind", async () => {
  const { running } = await startTls();
  await using server = running;
  const open = () => readdirSync(`/proc/${server.process.pid}/fd`).length;
  for (const version of ["1.1", "2"]) {
    await fetchBy(version, server.origin, "/data/large", []);
    const before = open();
    const clients = Array.from({ length: 10 }, () => {
      const args = [`--http${version}`, "--limit-rate", "1M", "-o", "/dev/null"];
      return Bun.spawn([...CURL, ...args, `${server.origin}/data/large`]);
    });
    // A connection and a file each.
    while (open() < before + 10) await turn();
    for (const client of clients) client.kill();
    while (open() > before) await turn();
    const { answer } = await fetchBy(version, server.origin, "/data/large", []);
    expect([version, answer.status, answer.length]).toEqual([version, "200", LARGE]);
  }
});

testTls("SIGTERM lets downloads over TLS and HTTP/2 finish", async () => {
  const { running, home } = await startTls();
  await using server = running;
  const outs = ["1.1", "2"].map((version) => {
    const out = join(home, `out.${version}`);
    const args = [`--http${version}`, "--limit-rate", "12M", "-o", out];
    return { out, client: Bun.spawn([...CURL, ...args, `${server.origin}/data/large`]) };
  });
  for (const { out } of outs) while (!(await Bun.file(out).exists())) await turn();
  server.process.kill("SIGTERM");
  const ended = await Promise.all([
    ...outs.map(({ client }) => client.exited),
    server.process.exited,
  ]);
  const sizes = outs.map(({ out }) => Bun.file(out).size);
  expect({ ended, sizes }).toEqual({ ended: [0, 0, 0], sizes: [LARGE, LARGE] });
});

testTls("A mistake in the files of a certificate is one line", async () => {
  const home = temporaryDirectory();
  const good = await makeCertificate(home, "good");
  const other = await makeCertificate(home, "other");
  const expired = await makeCertificate(home, "expired", -1);
  const locked = join(home, "locked.key");
  await openssl("pkey", "-in", good.key, "-aes128", "-passout", "pass:x", "-out", locked);
  const [text, broken] = [join(home, "text"), join(home, "broken.crt")];
  writeFileSync(text, "text");
  writeFileSync(broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const absent = join(home, "absent");
  const cases: [string[], string | RegExp][] = [
    [["--tls-cert", good.cert], "Cannot use one of --tls-cert and --tls-key without the other"],
    [["--tls-key", good.key], "Cannot use one of --tls-cert and --tls-key without the other"],
    [["--http2"], "Cannot use http2 without --tls-cert: it is spoken over TLS alone"],
    [tlsArgs({ ...good, cert: absent }), `Cannot read "${absent}": no such file`],
    [tlsArgs({ ...good, key: absent }), `Cannot read "${absent}": no such file`],
    [tlsArgs({ ...good, cert: home }), `Cannot read "${home}": not a file`],
    [tlsArgs({ ...good, cert: text }), `Cannot use "${text}": no certificate in PEM form`],
    [tlsArgs({ ...good, cert: good.key }), `Cannot use "${good.key}": no certificate in PEM form`],
    [
      tlsArgs({ ...good, cert: broken }),
      `Cannot use "${broken}": a certificate in it can't be read`,
    ],
    [tlsArgs({ ...good, key: text }), `Cannot use "${text}": no private key in PEM form`],
    [tlsArgs({ ...good, key: good.cert }), `Cannot use "${good.cert}": no private key in PEM form`],
    [tlsArgs({ ...good, key: locked }), `Cannot use "${locked}": the key is encrypted`],
    [
      tlsArgs({ ...good, key: other.key }),
      `Cannot use "${other.key}": it is not the key of the first certificate in "${good.cert}"`,
    ],
    [tlsArgs(expired), /^Cannot use ".*expired.crt": it expired on \w+ +\d+ [\d:]+ \d+ GMT$/],
  ];
  const program = await binary();
  for (const [args, expected] of cases) {
    for (const workers of ["1", "2"]) {
      const all = ["--port", "0", "--workers", workers, ...args, home];
      const { exitCode, stdout, stderr } = await run([program, ...all]);
      const line = stderr
        .trimEnd()
        .replace(/^rangesrv: /, "")
        .replace("; see rangesrv --help", "");
      const matches = typeof expected === "string" ? line === expected : expected.test(line);
      expect([exitCode, stdout, matches ? expected : line]).toEqual([2, "", expected]);
    }
  }
});

testTls("A port that is in use is a mistake over TLS too", async () => {
  const { running, files, directory } = await startTls();
  await using server = running;
  const port = ["--host", "127.0.0.1", "--port", String(server.port)];
  const ran = await run([await binary(), ...port, ...tlsArgs(files), directory]);
  expect([ran.exitCode, ran.stderr]).toEqual([
    2,
    `rangesrv: Cannot listen on 127.0.0.1, port ${server.port}: the port is in use\n`,
  ]);
});

testTls("Without --http2 a client that offers it gets HTTP/1.1", async () => {
  const home = temporaryDirectory();
  const files = await makeCertificate(home, "first");
  await using server = await startBinary([...tlsArgs(files), "--no-seed", makeTree()]);
  const { answer, http } = await fetchBy("2", server.origin, "/data/small", []);
  expect([answer.status, http]).toEqual(["200", "1.1"]);
});

test("HTTP/2 isn't spoken on a plain port", async () => {
  await using server = await startBinary(["--no-seed", "--host", "127.0.0.1", makeTree()]);
  using wire = await Wire.connect(server.port);
  wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const answer = (await wire.untilClosed()).toString("latin1");
  const { status } = await ask(server.port, "GET", "/data/small");
  expect([/^(?:HTTP\/1\.1 [45]\d\d|$)/.test(answer), status]).toEqual([true, 200]);
});
