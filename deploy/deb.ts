/**
 * Builds the Debian package: `bun run package:deb [DIRECTORY]` makes
 * rangesrv_VERSION_ARCHITECTURE.deb there, in dist/ by default.
 *
 * dpkg-deb alone, without debhelper: debhelper strips executables, and the program is
 * appended to the runtime's executable, where stripping removes it.
 */

import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { version } from "../package.json";
import { build } from "./build.ts";

const HERE = import.meta.dir;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };
const MAINTAINER = "The rangesrv authors <maintainers@rangesrv.example>";

/** What the executable prints, and where the package has it. */
const PRINTED = [
  { argument: ["--man"], path: "usr/share/man/man1/rangesrv.1.gz" },
  { argument: ["--completions", "bash"], path: "usr/share/bash-completion/completions/rangesrv" },
  { argument: ["--completions", "zsh"], path: "usr/share/zsh/vendor-completions/_rangesrv" },
  {
    argument: ["--completions", "fish"],
    path: "usr/share/fish/vendor_completions.d/rangesrv.fish",
  },
] as const;

const SCRIPTS = ["postinst", "prerm", "postrm"] as const;

export interface Package {
  /** Where the package is written. */
  readonly directory: string;
  /** That of package.json, unless another is given. */
  readonly version?: string;
  /** An executable that is built already. */
  readonly executable?: string;
  /** Of the package: gzip takes 10 s. */
  readonly compression?: "gzip" | "none";
}

/** Returns the path of the package. Throws when a program that it needs fails. */
export async function packageDeb(options: Package): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), "rangesrv-deb-"));
  try {
    return await assemble(root, options);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function assemble(root: string, options: Package): Promise<string> {
  const { directory, executable, compression = "gzip" } = options;
  const release = options.version ?? version;
  const architecture = ARCHITECTURES[process.arch] ?? process.arch;
  chmodSync(root, 0o755);
  const program = join(root, "usr/bin/rangesrv");
  mkdirSync(dirname(program), { recursive: true });
  if (executable === undefined) await build(program);
  else cpSync(executable, program);
  chmodSync(program, 0o755);

  for (const { argument, path } of PRINTED) put(root, path, run([program, ...argument]));
  const unit = readFileSync(join(HERE, "rangesrv.service"), "utf8");
  put(root, "lib/systemd/system/rangesrv.service", unit.replaceAll("/usr/local/bin/", "/usr/bin/"));
  put(root, "etc/rangesrv.toml", readFileSync(join(HERE, "rangesrv.toml"), "utf8"));
  const documents = "usr/share/doc/rangesrv";
  put(root, `${documents}/copyright`, copyright());
  put(root, `${documents}/changelog.gz`, changelog(release));
  put(root, "usr/share/lintian/overrides/rangesrv", read("debian/lintian-overrides"));
  control(root, release, architecture);

  mkdirSync(directory, { recursive: true });
  const path = join(directory, `rangesrv_${release}_${architecture}.deb`);
  run(["dpkg-deb", "--root-owner-group", `-Z${compression}`, "--build", root, path]);
  return path;
}

/** What dpkg reads: the package's description, its scripts, sums of its files. */
function control(root: string, release: string, architecture: string): void {
  const files = [...new Bun.Glob("**/*").scanSync({ cwd: root, onlyFiles: true })].sort();
  const bytes = files.reduce((sum, path) => sum + statSync(join(root, path)).size, 0);
  const sums = files
    .filter((path) => !path.startsWith("etc/"))
    .map((path) => {
      const hasher = new Bun.CryptoHasher("md5").update(readFileSync(join(root, path)));
      return `${hasher.digest("hex")}  ${path}\n`;
    });
  const fields = `Package: rangesrv
Version: ${release}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${Math.ceil(bytes / 1024)}
Depends: libc6 (>= 2.17), init-system-helpers (>= 1.54~)
Section: net
Priority: optional
Description: file server for downloads in pieces
 rangesrv serves every file below a directory, whole or by byte range. Clients
 resume and check each file, and share it with each other while they download
 it: the server makes piece digests, Metalinks and torrents, and is a tracker
 and a seeder for them.
`;
  put(root, "DEBIAN/control", fields);
  put(root, "DEBIAN/conffiles", "/etc/rangesrv.toml\n");
  put(root, "DEBIAN/md5sums", sums.join(""));
  for (const name of SCRIPTS) {
    put(root, `DEBIAN/${name}`, read(`debian/${name}`));
    chmodSync(join(root, "DEBIAN", name), 0o755);
  }
}

/** Writes a file below `root`, compressed when its name ends in .gz. */
function put(root: string, path: string, text: string): void {
  const place = join(root, path);
  mkdirSync(dirname(place), { recursive: true });
  const bytes = new TextEncoder().encode(text);
  writeFileSync(place, path.endsWith(".gz") ? Bun.gzipSync(bytes, { level: 9 }) : bytes);
  chmodSync(place, 0o644);
}

function read(path: string): string {
  return readFileSync(join(HERE, path), "utf8");
}

/** https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/ */
function copyright(): string {
  const [, , owner = "", ...license] = read("../LICENSE").trimEnd().split("\n");
  const paragraphs = license.slice(1).map((line) => (line === "" ? " ." : ` ${line}`));
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: rangesrv

Files: *
Copyright: ${owner.replace(/^Copyright \(c\) /, "")}
License: Expat
${paragraphs.join("\n")}
`;
}

/** The package's own changes: there are none, so it names the release. */
function changelog(release: string): string {
  const date = new Date().toUTCString().replace("GMT", "+0000");
  return `rangesrv (${release}) unstable; urgency=medium

  * Release ${release}: see CHANGELOG.md.

 -- ${MAINTAINER}  ${date}
`;
}

function run(command: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { stdout: "pipe" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

if (import.meta.main) {
  const directory = process.argv[2] ?? join(HERE, "../dist");
  console.log(await packageDeb({ directory }));
}
