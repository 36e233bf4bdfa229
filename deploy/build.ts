/**
 * Builds the executable: `bun run build` makes ./rangesrv for this machine, `bun run
 * build FILE` the same as FILE, `bun run build:all` one for each target in dist/, with
 * SHA256SUMS.
 */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const TARGETS = [
  "bun-linux-x64",
  "bun-linux-arm64",
  "bun-linux-x64-musl",
  "bun-linux-arm64-musl",
  "bun-darwin-arm64",
  "bun-darwin-x64",
  "bun-windows-x64",
  "bun-windows-arm64",
] as const;

/**
 * The executable runs its own code alone and takes settings from its arguments alone.
 * The runtime would otherwise read files of the working directory, which others may be
 * able to write, and run the code that they or the environment name.
 */
const CLOSED = {
  autoloadBunfig: false,
  autoloadDotenv: false,
  autoloadTsconfig: false,
  autoloadPackageJson: false,
  execArgv: ["--disallow-code-generation-from-strings=strict"],
};

const HOME = join(import.meta.dir, "..");

/** Compiles the program to `outfile`; without a target, for this machine. */
export async function build(outfile: string, target?: (typeof TARGETS)[number]): Promise<void> {
  const { outputs } = await Bun.build({
    entrypoints: [join(HOME, "server.ts")],
    compile: { ...CLOSED, outfile, ...(target === undefined ? {} : { target }) },
    minify: true,
    sourcemap: "linked",
    bytecode: true,
    // What is imported on demand is decoded on demand, too; all of it is in the executable.
    format: "esm",
    splitting: true,
    define: { RANGESRV_COMMIT: JSON.stringify(commit()) },
  });
  // The executable has them inside, too.
  for (const { kind, path } of outputs) if (kind === "sourcemap") rmSync(path, { force: true });
}

/** The short hash of what is built, with a plus sign when the tree differs from it. */
function commit(): string {
  const git = (...args: string[]) => {
    const { exitCode, stdout } = Bun.spawnSync(["git", ...args], { cwd: HOME, stderr: "ignore" });
    return exitCode === 0 ? stdout.toString().trim() : undefined;
  };
  if (Bun.which("git") === null) return "no commit";
  const hash = git("rev-parse", "--short", "HEAD");
  if (hash === undefined) return "no commit";
  return git("status", "--porcelain") === "" ? hash : `${hash}+`;
}

const NAME = process.platform === "win32" ? "rangesrv.exe" : "rangesrv";

async function buildAll(): Promise<void> {
  const directory = join(HOME, "dist");
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  const sums: string[] = [];
  for (const target of TARGETS) {
    const name = `rangesrv-${target.slice("bun-".length)}${target.includes("windows") ? ".exe" : ""}`;
    await build(join(directory, name), target);
    const sum = new Bun.CryptoHasher("sha256")
      .update(readFileSync(join(directory, name)))
      .digest("hex");
    sums.push(`${sum}  ${name}\n`);
    console.log(`dist/${name}`);
  }
  writeFileSync(join(directory, "SHA256SUMS"), sums.join(""));
}

if (import.meta.main) {
  if (process.argv.includes("--all")) await buildAll();
  else await build(process.argv[2] ?? join(HOME, NAME));
}
