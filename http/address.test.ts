/** Networks of addresses. */

import { expect, test } from "bun:test";
import { formatAddress, isWithin, parseAddress, parseNetwork } from "./address.ts";

test.each<[string, string, [string, number] | undefined]>([
  ["one IPv4 address", "10.0.0.1", ["10.0.0.1", 128]],
  ["one IPv6 address", "::1", ["0:0:0:0:0:0:0:1", 128]],
  ["an IPv4 network", "10.0.0.0/8", ["10.0.0.0", 104]],
  ["all of IPv4", "0.0.0.0/0", ["0.0.0.0", 96]],
  ["an IPv6 network", "fd00::/8", ["fd00:0:0:0:0:0:0:0", 8]],
  ["all", "::/0", ["0:0:0:0:0:0:0:0", 0]],
  ["IPv4 in IPv6", "::ffff:10.0.0.0/104", ["10.0.0.0", 104]],
  ["too many bits", "10.0.0.0/33", undefined],
  ["too many bits of IPv6", "::/129", undefined],
  ["no bits", "10.0.0.0/", undefined],
  ["a netmask", "10.0.0.0/255.0.0.0", undefined],
  ["two lengths", "10.0.0.0/8/8", undefined],
  ["a negative length", "10.0.0.0/-1", undefined],
  ["a name", "localhost", undefined],
  ["a zone", "fe80::1%eth0", undefined],
  ["nothing", "", undefined],
])("%s", (_why, text, expected) => {
  const network = parseNetwork(text);
  expect(network && [formatAddress(network.address), network.bits]).toEqual(expected);
});

test.each<[string, string, boolean]>([
  ["10.0.0.0/8", "10.255.255.255", true],
  ["10.0.0.0/8", "11.0.0.0", false],
  ["10.0.0.0/8", "::ffff:10.1.1.1", true],
  ["10.128.0.0/9", "10.127.255.255", false],
  ["0.0.0.0/0", "::1", false],
  ["fd00::/8", "fdff::1", true],
  ["fd00::/8", "fe00::1", false],
])("%s and %s", (network, address, expected) => {
  const { address: base, bits } = parseNetwork(network)!;
  expect(isWithin(base, bits, parseAddress(address)!)).toBe(expected);
});
