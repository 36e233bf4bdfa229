/**
 * Who counts as one client: an IPv4 address, or an IPv6 network of 64 bits, since a
 * subscriber may have all addresses of that.
 */

/** An address as the runtime tells it, IPv4-mapped or with a zone too: `192.0.2.1`, `2001:db8:0:1::/64`. */
export function clientNetwork(address: string): string {
  const dotted = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (dotted !== undefined) return dotted;
  const [head = [], tail] = (address.split("%")[0] ?? "").split("::").map(groups);
  const zeros = Array.from({ length: tail ? Math.max(0, 8 - head.length - tail.length) : 0 });
  const all = [...head, ...zeros.map(() => "0"), ...(tail ?? [])];
  return `${all.slice(0, 4).join(":")}::/64`;
}

/** Without leading zeros. */
function groups(text: string): string[] {
  const written = text === "" ? [] : text.split(":");
  return written.map((group) => Number.parseInt(group, 16).toString(16));
}
