import { expect, test } from "bun:test";
import { clientNetwork } from "./client-network.ts";

test.each<[string, string, string]>([
  ["IPv4", "192.0.2.1", "192.0.2.1"],
  ["IPv4 at an IPv6 socket", "::ffff:192.0.2.1", "192.0.2.1"],
  ["IPv6, written out", "2001:0db8:0:1:2:3:4:5", "2001:db8:0:1::/64"],
  ["another address there", "2001:DB8:0:1::9", "2001:db8:0:1::/64"],
  ["another network", "2001:db8:0:2::9", "2001:db8:0:2::/64"],
  ["zeros inside the network", "2001:db8::9", "2001:db8:0:0::/64"],
  ["loopback", "::1", "0:0:0:0::/64"],
  ["a zone", "fe80::1%eth0", "fe80:0:0:0::/64"],
])("%s is a client", (_, address, expected) => {
  expect(clientNetwork(address)).toBe(expected);
});
