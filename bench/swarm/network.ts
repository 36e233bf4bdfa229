/**
 * Machines of one site: a network namespace each, all on one switch.
 *
 *   host 0 (origin)        host 1              host N
 *   eth0 ── tbf ─┐         eth0 ── tbf ─┐      ...
 *                │                      │
 *          tbf ─ h0 ════ bridge ═════ h1 ─ tbf
 *
 * Every link is limited at both of its ends, so to the same rate each way. The
 * limiter is tbf: it lets through a rate and nothing above it, by a byte count that
 * holds over any time. Its queue is a plain FIFO as long as what a port of a small
 * switch holds. The switch has a namespace of its own, so nothing of all this is
 * seen outside, and a port's counters tell what a host sent and received.
 *
 * Linux, root, iproute2.
 */

import { readFileSync, writeFileSync } from "node:fs";

/** All namespaces' names begin so: what is left of an earlier run is found by it. */
const PREFIX = "rs-swarm-";
const SWITCH = `${PREFIX}switch`;
/** Bytes that pass at once: a few packets, 6 ms of the link. */
const BURST = 16 * 1024;
/** Bytes that wait before a link: 50 ms of it. */
const QUEUE = 125_000;
const ALLOWED = "/proc/sys/net/ipv4/tcp_allowed_congestion_control";

export interface Host {
  readonly namespace: string;
  /**
   * Of 198.18.0.0/15 (RFC 2544, for benchmarks): clients take addresses of private
   * networks for neighbours and lift their limits for them.
   */
  readonly address: string;
}

export interface Network {
  /** The first is the origin. */
  readonly hosts: readonly Host[];
  /** Bytes that each host has sent and received since the network was made, headers included. */
  count(): readonly Traffic[];
  /** Ends every process on the hosts, those included that others have started. */
  quiet(): void;
}

export interface Traffic {
  readonly sent: number;
  readonly received: number;
}

/** Hosts with links of `rate` bits a second each way. */
export function createNetwork(hosts: number, rate: number): Network {
  removeNetwork();
  const all = Array.from({ length: hosts }, (_, n): Host => ({
    namespace: `${PREFIX}${n}`,
    address: `198.18.0.${n + 1}`,
  }));
  const limit = `root tbf rate ${rate}bit burst ${BURST} limit ${QUEUE}`;
  command(["ip", "netns", "add", SWITCH]);
  // A switch has no firewall; where the kernel's module isn't loaded there is nothing to turn off.
  const noFirewall = "sysctl -qw net.bridge.bridge-nf-call-iptables=0 || true";
  command(["ip", "netns", "exec", SWITCH, "sh", "-c", noFirewall]);
  batch(SWITCH, ["link add bridge type bridge", "link set bridge up"]);
  for (const { namespace } of all) command(["ip", "netns", "add", namespace]);
  batch(
    SWITCH,
    all.flatMap(({ namespace }, n) => [
      `link add h${n} type veth peer name eth0 netns ${namespace}`,
      `link set h${n} addrgenmode none master bridge up`,
    ]),
  );
  for (const [n, { namespace, address }] of all.entries()) {
    batch(namespace, [
      "link set lo up",
      `link set eth0 address ${mac(n)} addrgenmode none up`,
      `addr add ${address}/16 dev eth0`,
      // A full mesh has more neighbours than the kernel's one table for all namespaces
      // remembers (1024); permanent entries aren't counted.
      ...all.flatMap((other, m) =>
        m === n ? [] : [`neigh replace ${other.address} lladdr ${mac(m)} dev eth0 nud permanent`],
      ),
    ]);
    command(["tc", "-n", namespace, "qdisc", "add", "dev", "eth0", ...limit.split(" ")]);
    command(["tc", "-n", SWITCH, "qdisc", "add", "dev", `h${n}`, ...limit.split(" ")]);
  }
  useCubic(all);
  // Only a process of the namespace shows its counters to those outside.
  const anchor = Bun.spawn(["ip", "netns", "exec", SWITCH, "sleep", "infinity"]);
  return {
    hosts: all,
    count: () => readCounters(anchor.pid, hosts),
    quiet: () => all.forEach(({ namespace }) => endProcesses(namespace)),
  };
}

/** Ends every process of the network and removes it; also what a killed run has left. */
export function removeNetwork(): void {
  const listed = command(["ip", "netns", "list"]).split("\n");
  const ours = listed.flatMap((line) => line.split(" ")[0] ?? []).filter(isOurs);
  for (const namespace of ours) {
    endProcesses(namespace);
    command(["ip", "netns", "delete", namespace]);
  }
}

function endProcesses(namespace: string): void {
  for (const pid of command(["ip", "netns", "pids", namespace]).split("\n").filter(Boolean))
    end(Number(pid));
}

/** The command that runs another one on a host. */
export function inHost(host: Host | undefined, words: readonly string[]): string[] {
  if (host === undefined) throw new Error("No such host");
  return ["ip", "netns", "exec", host.namespace, ...words];
}

/** The kernel's own default, whatever this machine is set to. */
function useCubic(hosts: readonly Host[]): void {
  // Namespaces may take only what the machine allows to programs without rights.
  const before = readFileSync(ALLOWED, "latin1");
  writeFileSync(ALLOWED, `${before.trim()} cubic`);
  for (const host of hosts)
    command(inHost(host, ["sysctl", "-qw", "net.ipv4.tcp_congestion_control=cubic"]));
  writeFileSync(ALLOWED, before);
}

function isOurs(namespace: string): boolean {
  return namespace.startsWith(PREFIX);
}

/** Locally administered. */
function mac(n: number): string {
  return `02:00:00:00:00:${n.toString(16).padStart(2, "0")}`;
}

/** What the switch received on a port is what its host sent. */
function readCounters(pid: number, hosts: number): Traffic[] {
  const text = readFileSync(`/proc/${pid}/net/dev`, "latin1");
  return Array.from({ length: hosts }, (_, n) => {
    const fields = new RegExp(`\\bh${n}:\\s*(.*)`).exec(text)?.[1]?.split(/\s+/) ?? [];
    return { sent: Number(fields[0]), received: Number(fields[8]) };
  });
}

function batch(namespace: string, lines: readonly string[]): void {
  command(["ip", "-n", namespace, "-batch", "-"], lines.join("\n"));
}

function command(words: readonly string[], input = ""): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...words], { stdin: Buffer.from(input) });
  if (exitCode !== 0) throw new Error(`${words.join(" ")}: ${stderr.toString().trim()}`);
  return stdout.toString();
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
