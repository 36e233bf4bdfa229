/** The servers under measurement: started, asked until they answer, stalled and stopped. */

import { join } from "node:path";
import { type Peer } from "./peers.ts";
import { freePort } from "./setup.ts";

export interface Running {
  readonly peer: Peer;
  readonly port: number;
  readonly child: Bun.Subprocess;
  /** Milliseconds from start to the first answered byte. */
  readonly startup: number;
}

/** What is served, and where a server may write. */
export interface Place {
  readonly directory: string;
  readonly scratch: string;
}

/** Starts one on `processors`, as taskset has them; answers when it has answered. */
export async function start(
  peer: Peer,
  { directory, scratch }: Place,
  workers: number,
  processors: string,
): Promise<Running> {
  const port = freePort();
  const place = { directory, scratch: join(scratch, peer.name), port, workers };
  const command = ["taskset", "-c", processors, ...peer.command(place)];
  const began = performance.now();
  const child = Bun.spawn(command, {
    stdio: ["ignore", "ignore", "ignore"],
    env: { ...process.env, GOMAXPROCS: String(workers) },
  });
  started.add(child);
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`${peer.name} ended`);
  }
  return { peer, port, child, startup: performance.now() - began };
}

const started = new Set<Bun.Subprocess>();
// A measurement that fails leaves no server behind.
process.on("exit", () => {
  for (const child of started) child.kill("SIGTERM");
});

export async function startAll(
  list: readonly Peer[],
  place: Place,
  workers: number,
  processors: string,
): Promise<Running[]> {
  const running: Running[] = [];
  for (const peer of list) running.push(await start(peer, place, workers, processors));
  return running;
}

/** Ends them, and waits until they are gone. */
export async function stopAll(running: readonly Running[]): Promise<void> {
  for (const { child } of running) child.kill("SIGTERM");
  await Promise.all(running.map(({ child }) => child.exited));
  for (const { child } of running) started.delete(child);
}

/** Connections that send `request`, or nothing, and never read. */
export async function stall(
  port: number,
  count: number,
  request: string,
): Promise<Bun.Socket<undefined>[]> {
  const sockets: Bun.Socket<undefined>[] = [];
  for (let n = 0; n < count; n++) {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
    socket.pause();
    if (request !== "") socket.write(request);
    sockets.push(socket);
  }
  return sockets;
}

/** A request for ranges of the file, as a Range field has them. */
export function requestFor(ranges: string): string {
  return `GET /data/file HTTP/1.1\r\nHost: x\r\nRange: bytes=${ranges}\r\n\r\n`;
}

async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/data/file`, {
      headers: { range: "bytes=0-0" },
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
