/** The service's own URLs, and files of the same name. */

import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSite, temporaryDirectory } from "./site.ts";
import { ask } from "./wire.ts";

test.each<[string, string, string, [number, string]]>([
  ["below the usual prefix", "/data/", "/-/healthy", [200, "ok\n"]],
  ["a file in the prefix", "/data/", "/data/-/healthy", [200, "FILE"]],
  ["before a file", "/", "/-/healthy", [200, "ok\n"]],
  ["before a file, asked again", "/", "/-/ready?x", [200, "ok\n"]],
  ["a file that isn't the service's", "/", "/-/other", [200, "FILE"]],
])("%s", async (_why, prefix, target, expected) => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "-"));
  for (const name of ["healthy", "ready", "other"])
    writeFileSync(join(directory, "-", name), "FILE");
  using site = startSite({ prefix }, directory);
  const { status, body } = await ask(site.port, "GET", target);
  expect([status, body.toString()]).toEqual(expected);
});
