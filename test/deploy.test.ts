/** The service unit as systemd reads it. The tools need no running systemd. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { boundsFor } from "../service/connection-limit.ts";
import { binary } from "./binary.ts";
import { run, testWith } from "./clients.ts";
import { temporaryDirectory } from "./site.ts";

setDefaultTimeout(60_000);

const UNIT = join(import.meta.dir, "../deploy/rangesrv.service");
const EXECUTABLE = "/usr/local/bin/rangesrv";

/** The unit says so; the line before it counts then. */
const BEFORE_253 = "Failed to parse service type, ignoring: notify-reload";

/** From 0, which is everything closed, to 10. */
const MOST_EXPOSED = 2;

testWith("systemd-analyze")("systemd finds no fault in the unit", async () => {
  const unit = readFileSync(UNIT, "utf8");
  expect(unit).toContain(`\nExecStart=${EXECUTABLE} --config /etc/rangesrv.toml\n`);
  // What it starts must exist, so the copy starts the executable just built.
  const copy = join(temporaryDirectory(), "rangesrv.service");
  writeFileSync(copy, unit.replaceAll(EXECUTABLE, await binary()));
  // A fault in a unit that this machine has beside it is none of ours.
  const { exitCode, stdout, stderr } = await run(["systemd-analyze", "verify", copy]);
  const about = `${stdout}${stderr}`
    .split("\n")
    .filter((line) => line.includes("rangesrv") && !line.endsWith(BEFORE_253));
  expect({ exitCode, about }).toEqual({ exitCode: 0, about: [] });
});

test("the executable takes the unit's options", async () => {
  const config = join(import.meta.dir, "../deploy/rangesrv.toml");
  const { exitCode, stdout, stderr } = await run([
    ...[await binary(), "--config", config, "--print-config"],
  ]);
  const { directory } = Bun.TOML.parse(stdout) as { readonly directory?: unknown };
  expect({ exitCode, stderr, directory }).toEqual({
    ...{ exitCode: 0, stderr: "", directory: "/srv/rangesrv" },
  });
  // What is commented out is right, too.
  const all = readFileSync(config, "utf8").replaceAll(/^# (?=[a-z-]+ = )/gm, "");
  const copy = join(temporaryDirectory(), "a.toml");
  writeFileSync(copy, all);
  expect((await run([await binary(), "--config", copy, "--print-config"])).stderr).toBe("");
});

test("the unit's descriptors allow the connections that are the default", () => {
  const limit = /^LimitNOFILE=(\d+)$/m.exec(readFileSync(UNIT, "utf8"))?.[1];
  expect(boundsFor(Number(limit), undefined).connections).toBe(16_384);
});

testWith("systemd-analyze")("the unit leaves little exposed", async () => {
  const { stdout } = await run([
    "systemd-analyze",
    "security",
    "--no-pager",
    "--offline=true",
    UNIT,
  ]);
  const level = /Overall exposure level for rangesrv\.service: (\d+\.\d+)/.exec(stdout)?.[1];
  expect(Number(level)).toBeLessThan(MOST_EXPOSED);
});
