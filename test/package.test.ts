/** The Debian package: installed, upgraded under a download, removed and purged by dpkg. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { packageDeb } from "../deploy/deb.ts";
import { binary } from "./binary.ts";
import { run, testWith } from "./clients.ts";
import { temporaryDirectory } from "./site.ts";

setDefaultTimeout(120_000);

/** What the script needs of the machine: root, and leave to mount an overlay. */
const PROBE =
  "d=$(mktemp -d) && mount -t tmpfs t $d && mkdir $d/u $d/w $d/r && " +
  "mount -t overlay o -o lowerdir=/,upperdir=$d/u,workdir=$d/w $d/r";

function testWithNamespaces(): typeof test {
  const withPrograms = testWith("apt-get", "chroot", "curl", "dpkg-deb", "unshare");
  const probe = Bun.spawnSync(["unshare", "-m", "sh", "-c", PROBE], { stderr: "ignore" });
  if (probe.success) return withPrograms;
  console.warn("SKIPPED, mounts are not allowed here: the package is not installed");
  return test.skip as typeof test;
}

testWithNamespaces()("the package lives as Debian's do", async () => {
  const directory = temporaryDirectory();
  const executable = await binary();
  const made = { directory, executable, compression: "none" } as const;
  const old = await packageDeb({ ...made, version: "0.0.1" });
  const renewed = await packageDeb({ ...made, version: "0.0.2" });
  const script = join(import.meta.dir, "package.sh");
  const { exitCode, stdout } = await run(["unshare", "-m", "sh", script, old, renewed]);
  expect({ exitCode, seen: stdout.trimEnd().split("\n") }).toEqual({
    exitCode: 0,
    seen: [
      "installed: install ok installed 0.0.1",
      "enabled: yes",
      "manual page: yes",
      "downloading when upgraded: yes",
      "whole: yes",
      "upgraded: install ok installed 0.0.2",
      "configuration: # mine",
      "runs: rangesrv",
      "removed: deinstall ok config-files 0.0.2, executable no, configuration yes",
      "purged: configuration no, state no, files yes, enabled no",
    ],
  });
});
