/** The servers that are compared: how each is started on one directory, by the configuration it ships with. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Peer {
  readonly name: string;
  /** What it is, with its version, for the table's legend. */
  readonly about: string;
  /** The program that must be there. */
  readonly needs: string;
  /** The command that serves a directory below /data/ on 127.0.0.1. */
  command(place: Place): string[];
}

export interface Place {
  readonly directory: string;
  /** A directory for what the server writes. */
  readonly scratch: string;
  readonly port: number;
  readonly workers: number;
}

/** What Debian's nginx.conf says, without modules and without a log, which nobody else writes here. */
function nginx({ directory, scratch, port, workers }: Place, cache: string): string[] {
  mkdirSync(scratch, { recursive: true });
  const path = join(scratch, "nginx.conf");
  writeFileSync(
    path,
    `worker_processes ${workers};
daemon off;
pid ${scratch}/nginx.pid;
error_log ${scratch}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  types_hash_max_size 2048;
  default_type application/octet-stream;
  keepalive_requests 100000000;
  ${cache}
  server {
    listen 127.0.0.1:${port};
    location /data/ { alias ${directory}/; }
  }
}
`,
  );
  return ["nginx", "-e", `${scratch}/error.log`, "-c", path];
}

function caddy({ directory, scratch, port }: Place): string[] {
  mkdirSync(scratch, { recursive: true });
  const path = join(scratch, "Caddyfile");
  writeFileSync(
    path,
    `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  handle_path /data/* {
    root * ${directory}
    file_server
  }
}
`,
  );
  return ["caddy", "run", "--adapter", "caddyfile", "--config", path];
}

/** nginx writes no log and counts nothing here. */
const UNOBSERVED = ["--quiet", "--no-metrics"];
const OBSERVED = ["--log", "combined"];

/** With the digests made before, so that nothing is hashed while it is measured. */
function rangesrv(
  executable: string,
  options: readonly string[],
  { directory, scratch, port, workers }: Place,
): string[] {
  const state = join(scratch, "state");
  Bun.spawnSync([executable, "hash", "--state", state, directory]);
  return [
    ...[executable, ...options, "--host", "127.0.0.1", "--port", String(port), "--state", state],
    ...(workers === 1 ? [] : ["--workers", String(workers)]),
    directory,
  ];
}

/** Every peer; `executable` is the compiled rangesrv. */
export function peers(executable: string): Peer[] {
  const nginxVersion = firstLine("nginx", "-v").replace("nginx version: ", "");
  return [
    {
      name: "rangesrv",
      about: `${firstLine(executable, "--version")}, ${UNOBSERVED.join(" ")}`,
      needs: executable,
      command: (place) => rangesrv(executable, UNOBSERVED, place),
    },
    {
      name: "rangesrv-log",
      about: "the same with log, to /dev/null, and metrics",
      needs: executable,
      command: (place) => rangesrv(executable, OBSERVED, place),
    },
    {
      name: "nginx",
      about: `${nginxVersion}, sendfile; stat and open for each request`,
      needs: "nginx",
      command: (place) => nginx(place, ""),
    },
    {
      name: "nginx-cache",
      about: `${nginxVersion} with open_file_cache max=1000, which looks at a path once a minute`,
      needs: "nginx",
      command: (place) => nginx(place, "open_file_cache max=1000;"),
    },
    {
      name: "caddy",
      about: `Caddy ${firstLine("caddy", "version")}, GOMAXPROCS = workers`,
      needs: "caddy",
      command: caddy,
    },
    {
      name: "bun-dir",
      about: `Bun ${Bun.version}, routes: { "/data/*": { dir } }, one process`,
      needs: process.execPath,
      command: ({ directory, port }) => [
        process.execPath,
        "-e",
        `Bun.serve({ hostname: "127.0.0.1", port: ${port}, development: false, routes: { "/data/*": { dir: ${JSON.stringify(directory)} } } })`,
      ],
    },
  ];
}

function firstLine(...command: string[]): string {
  if (Bun.which(command[0] ?? "") === null) return "missing";
  const { stdout, stderr } = Bun.spawnSync(command, { stderr: "pipe" });
  return `${stdout}${stderr}`.trim().split("\n")[0] ?? "";
}
