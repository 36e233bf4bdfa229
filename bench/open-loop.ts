/**
 * Open-loop load: requests begin when their time has come, whether earlier ones are
 * answered or not, and a latency counts from that time. So a server that stalls pays
 * for everything that came meanwhile, which closed-loop load forgives.
 */

export interface Latencies {
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
  /** How many requests were made. */
  readonly requests: number;
}

export interface Rate {
  readonly port: number;
  readonly target: string;
  /** Bytes of the file and of a window. */
  readonly length: number;
  readonly window: number;
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
  readonly connections: number;
}

/** A connection and when the requests on it, answered in turn, were due. */
interface Lane {
  readonly socket: Bun.Socket<undefined>;
  readonly due: number[];
  /** What is due and not sent yet: no request goes out behind another that is unanswered. */
  readonly waiting: string[];
  /** Bytes of the answer at the front that are still to come; undefined before its header is known. */
  owed: number | undefined;
  head: string;
}

/** Asks for aligned windows at a fixed rate, over connections taken in turn when idle. */
export async function measureLatencies(load: Rate): Promise<Latencies> {
  const latencies: number[] = [];
  const lanes = await Promise.all(
    Array.from({ length: load.connections }, () => openLane(load.port, latencies)),
  );
  const windows = Math.floor(load.length / load.window);
  const total = load.rate * load.seconds;
  const began = performance.now();
  let random = 1;
  for (let n = 0; n < total;) {
    const now = performance.now();
    for (; n < total && began + (1000 * n) / load.rate <= now; n++) {
      random = (random * 48271) % 0x7fffffff;
      const first = (random % windows) * load.window;
      // The lane with the least to do; waiting for a free one is the server's latency.
      const lane = lanes.reduce((a, b) => (b.due.length < a.due.length ? b : a));
      lane.due.push(began + (1000 * n) / load.rate);
      const next = request(load.target, first, load.window);
      if (lane.due.length === 1) lane.socket.write(next);
      else lane.waiting.push(next);
    }
    await new Promise(setImmediate);
  }
  while (latencies.length < total) await new Promise(setImmediate);
  for (const { socket } of lanes) socket.end();
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.floor(share * (latencies.length - 1))] ?? NaN;
  return { p50: at(0.5), p99: at(0.99), most: at(1), requests: latencies.length };
}

function request(target: string, first: number, window: number): string {
  return `GET ${target} HTTP/1.1\r\nHost: x\r\nRange: bytes=${first}-${first + window - 1}\r\n\r\n`;
}

async function openLane(port: number, latencies: number[]): Promise<Lane> {
  const { promise, resolve } = Promise.withResolvers<Lane>();
  await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open(socket) {
        resolve({ socket, due: [], waiting: [], owed: undefined, head: "" });
      },
      async data(_, chunk) {
        const lane = await promise;
        if (lane.owed === undefined) {
          lane.head += chunk.toString("latin1");
          const end = lane.head.indexOf("\r\n\r\n");
          if (end === -1) return;
          const length = Number(/content-length: (\d+)/i.exec(lane.head)?.[1]);
          lane.owed = length - (lane.head.length - end - 4);
          lane.head = "";
        } else lane.owed -= chunk.length;
        if (lane.owed > 0) return;
        lane.owed = undefined;
        latencies.push(performance.now() - (lane.due.shift() ?? NaN));
        const next = lane.waiting.shift();
        if (next !== undefined) lane.socket.write(next);
      },
    },
  });
  return await promise;
}
