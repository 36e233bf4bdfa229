/** Addresses as text and as bytes, and the one at which a client can reach this machine. */

import { describe, expect, test } from "bun:test";
import {
  compactAddress,
  formatAddress,
  type Interfaces,
  isLoopback,
  parseAddress,
  seederAddress,
  sourceName,
} from "./address.ts";

/** Everything that is known of an address. */
function facts(text: string) {
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  const compact = compactAddress(address).toHex();
  return { text: formatAddress(address), compact, loopback: isLoopback(address) };
}

function six(text: string, compact: string, loopback = false) {
  return { text, compact, loopback };
}

describe("parseAddress", () => {
  test.each<[string, string, ReturnType<typeof facts>]>([
    ["IPv4", "10.0.200.7", { text: "10.0.200.7", compact: "0a00c807", loopback: false }],
    ["all ones", "255.255.255.255", six("255.255.255.255", "ffffffff")],
    ["IPv4 that is mapped", "::ffff:10.0.200.7", six("10.0.200.7", "0a00c807")],
    ["the same in hex", "::FFFF:a00:c807", six("10.0.200.7", "0a00c807")],
    ["loopback", "127.0.0.1", six("127.0.0.1", "7f000001", true)],
    ["all of its network", "127.255.0.1", six("127.255.0.1", "7fff0001", true)],
    ["its neighbour", "128.0.0.1", six("128.0.0.1", "80000001")],
    ["mapped loopback", "::ffff:127.0.0.1", six("127.0.0.1", "7f000001", true)],
    ["IPv6 loopback", "::1", six("0:0:0:0:0:0:0:1", `${"0".repeat(31)}1`, true)],
    ["its neighbour", "::2", six("0:0:0:0:0:0:0:2", `${"0".repeat(31)}2`)],
    ["nothing but zeros", "::", six("0:0:0:0:0:0:0:0", "0".repeat(32))],
    [
      "eight groups",
      "2001:db8:1:2:3:4:5:6",
      six("2001:db8:1:2:3:4:5:6", "20010db8000100020003000400050006"),
    ],
    ["zeros at the end", "2001:db8::", six("2001:db8:0:0:0:0:0:0", `20010db8${"0".repeat(24)}`)],
    ["zeros within", "fe80::a:b", six("fe80:0:0:0:0:0:a:b", `fe80${"0".repeat(20)}000a000b`)],
    [
      "one group of zeros",
      "1:2:3::5:6:7:8",
      six("1:2:3:0:5:6:7:8", "00010002000300000005000600070008"),
    ],
    ["a zone", "fe80::1%eth0", six("fe80:0:0:0:0:0:0:1", `fe80${"0".repeat(27)}1`)],
    [
      "IPv4 behind IPv6",
      "64:ff9b::1.2.3.4",
      six("64:ff9b:0:0:0:0:102:304", `0064ff9b${"0".repeat(16)}01020304`),
    ],
    ["nothing", "", undefined],
    ["a name", "localhost", undefined],
    ["three numbers", "10.0.1", undefined],
    ["five numbers", "10.0.0.0.1", undefined],
    ["256", "10.0.0.256", undefined],
    ["octal", "10.0.0.01", undefined],
    ["an empty number", "10..0.1", undefined],
    ["a port", "10.0.0.1:80", undefined],
    ["brackets", "[::1]", undefined],
    ["seven groups", "1:2:3:4:5:6:7", undefined],
    ["nine groups", "1:2:3:4:5:6:7:8:9", undefined],
    ["eight groups and zeros", "1:2:3:4::5:6:7:8", undefined],
    ["zeros twice", "1::2::3", undefined],
    ["three colons", "1:::2", undefined],
    ["five digits", "::12345", undefined],
    ["no hex", "::g", undefined],
    ["a colon at the end", "1:2:3:4:5:6:7:", undefined],
    ["IPv4 in front", "1.2.3.4::", undefined],
    ["a great many groups", "1:".repeat(10_000), undefined],
  ])("%s", (_why, text, expected) => {
    expect(facts(text)).toEqual(expected);
  });
});

describe("seederAddress", () => {
  const entry = { mac: "", cidr: null };
  const v4 = { ...entry, family: "IPv4" as const, internal: false };
  const v6 = { ...entry, family: "IPv6" as const, internal: false, scopeid: 0 };
  const interfaces: Interfaces = {
    lo: [
      { ...v4, internal: true, address: "127.0.0.1", netmask: "255.0.0.0" },
      { ...v6, internal: true, address: "::1", netmask: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
    ],
    gone: undefined,
    eth0: [
      { ...v4, address: "192.0.2.5", netmask: "255.255.255.0" },
      { ...v6, address: "fe80::5", netmask: "ffff:ffff:ffff:ffff::" },
      { ...v6, address: "2001:db8:1::5", netmask: "ffff:ffff:ffff:ffff::" },
    ],
    eth1: [
      { ...v4, address: "10.1.128.5", netmask: "255.255.128.0" },
      { ...v6, address: "2001:db8:2::5", netmask: "ffff:ffff:ffff:ffff::" },
    ],
  };

  test.each<[string, string, string | undefined, Interfaces, string | undefined]>([
    ["a Host that is an address", "10.1.128.9", "203.0.113.1:13000", interfaces, "203.0.113.1"],
    ["without a port", "10.1.128.9", "203.0.113.1", interfaces, "203.0.113.1"],
    ["an IPv6 Host", "10.1.128.9", "[2001:db8:3::1]:13000", interfaces, "2001:db8:3:0:0:0:0:1"],
    ["a Host that is a name", "10.1.128.9", "origin:13000", interfaces, "10.1.128.5"],
    ["a Host that is every address", "10.1.128.9", "0.0.0.0:13000", interfaces, "10.1.128.5"],
    ["a Host that is every IPv6 address", "10.1.128.9", "[::]:13000", interfaces, "10.1.128.5"],
    ["a Host that is no address", "10.1.128.9", "1.2.3:13000", interfaces, "10.1.128.5"],
    ["a Host with a bad port", "10.1.128.9", "203.0.113.1:http", interfaces, "10.1.128.5"],
    ["no Host", "10.1.128.9", undefined, interfaces, "10.1.128.5"],
    ["the last address of a subnet", "10.1.255.255", undefined, interfaces, "10.1.128.5"],
    ["the first one behind it", "10.2.0.0", undefined, interfaces, "192.0.2.5"],
    ["the last one before it", "10.1.127.255", undefined, interfaces, "192.0.2.5"],
    ["the machine itself", "127.0.0.1", "localhost:13000", interfaces, "127.0.0.1"],
    ["the machine itself over IPv6", "::1", "localhost:13000", interfaces, "0:0:0:0:0:0:0:1"],
    ["IPv4 over a dual socket", "::ffff:10.1.128.9", "origin", interfaces, "10.1.128.5"],
    ["an IPv6 subnet", "2001:db8:2::9", "origin", interfaces, "2001:db8:2:0:0:0:0:5"],
    ["somewhere in IPv6", "2001:db8:9::9", "origin", interfaces, "2001:db8:1:0:0:0:0:5"],
    ["a neighbour without a router", "fe80::9", "origin", interfaces, "fe80:0:0:0:0:0:0:5"],
    ["nothing but loopback", "10.1.128.9", "origin", { lo: interfaces["lo"] }, undefined],
    ["no interfaces", "10.1.128.9", "origin", {}, undefined],
    [
      "a netmask that is none",
      "10.1.128.9",
      "origin",
      { eth0: [{ ...v4, address: "192.0.2.5", netmask: "" }] },
      "192.0.2.5",
    ],
  ])("%s", (_why, client, host, machine, expected) => {
    const found = seederAddress(parseAddress(client) ?? new Uint8Array(16), host, machine);
    expect(found && formatAddress(found)).toEqual(expected);
  });
});

test.each<[string, string, string | undefined]>([
  ["an IPv4 address", "10.0.200.7", "10.0.200.7"],
  ["the same as IPv6 has it", "::ffff:10.0.200.7", "10.0.200.7"],
  ["an IPv6 address", "2001:db8:1:2:3:4:5:6", "20010db800010002"],
  ["another of the same network", "2001:db8:1:2::", "20010db800010002"],
  ["one of another network", "2001:db8:1:3::", "20010db800010003"],
  ["no address", "", undefined],
])("The source of %s", (_why, client, expected) => {
  expect(sourceName(client)).toBe(expected);
});
