/** To which peers the server connects. */

import { describe, expect, test } from "bun:test";
import { type Address, parseAddress } from "./address.ts";
import { isDialable, type Standpoint } from "./dialable.ts";

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`no address: ${text}`);
  return parsed;
}

const OWN = ["127.0.0.1", "::1", "192.0.2.5", "10.0.0.5", "2001:db8::5", "fe80::5"].map(address);

function standpoint(bound?: string, proxied = false): Standpoint {
  return { own: OWN, bound: bound === undefined ? undefined : address(bound), proxied };
}

describe("By address", () => {
  test.each<[string, string, boolean]>([
    ["a public one", "198.51.100.1", true],
    ["a public one of IPv6", "2001:db8::1", true],
    ["a private one", "10.0.0.1", true],
    ["another private one", "fd00::1", true],
    ["loopback", "127.0.0.1", false],
    ["all of loopback", "127.255.255.254", false],
    ["loopback of IPv6", "::1", false],
    ["link-local", "169.254.169.254", false],
    ["beside link-local", "169.253.255.255", true],
    ["link-local of IPv6", "fe80::1", false],
    ["the end of link-local", "febf::1", false],
    ["unspecified", "0.0.0.0", false],
    ["this network", "0.1.2.3", false],
    ["unspecified of IPv6", "::", false],
    ["multicast", "224.0.0.1", false],
    ["the end of multicast", "239.255.255.255", false],
    ["before multicast", "223.255.255.255", true],
    ["reserved", "240.0.0.1", false],
    ["broadcast", "255.255.255.255", false],
    ["multicast of IPv6", "ff02::1", false],
    ["our own", "192.0.2.5", false],
    ["our own of IPv6", "2001:db8::5", false],
    ["mapped loopback", "::ffff:127.0.0.1", false],
    ["mapped, of ours", "::ffff:10.0.0.5", false],
    ["compatible loopback", "::127.0.0.1", false],
    ["compatible and public", "::198.51.100.1", true],
    ["translated loopback", "::ffff:0:127.0.0.1", false],
    ["NAT64 of loopback", "64:ff9b::127.0.0.1", false],
    ["NAT64 of ours", "64:ff9b::192.0.2.5", false],
    ["NAT64 of a public one", "64:ff9b::198.51.100.1", true],
    ["NAT64 of a network's own", "64:ff9b:1::198.51.100.1", false],
    ["6to4 of loopback", "2002:7f00:1::1", false],
    ["6to4 of multicast", "2002:e000:1::1", false],
    ["6to4 of a public one", "2002:c633:6401::1", true],
    ["Teredo of loopback", "2001:0:c633:6401:0:0:80ff:fffe", false],
    ["Teredo of a public one", "2001:0:c633:6401:0:0:39cc:9bfe", true],
  ])("%s", (_why, text, expected) => {
    const peer = { address: address(text), port: 6881 };
    const verdicts = [true, false].map((announced) => isDialable(peer, standpoint(), announced));
    expect(verdicts).toEqual([expected, expected]);
  });
});

test.each<[string, number, boolean]>([
  ["none", 0, false],
  ["mail", 25, false],
  ["the last of the system", 1023, false],
  ["the first of users", 1024, true],
  ["the last", 65_535, true],
  ["past the last", 65_536, false],
])("By port: %s", (_why, port, expected) => {
  const peer = { address: address("198.51.100.1"), port };
  expect(isDialable(peer, standpoint(), true)).toEqual(expected);
});

/** A peer, the address that the server is bound to, whether `--url` is set; the result for an announced and for a named peer. */
describe("By the server's own addresses", () => {
  test.each<[string, string, string | undefined, boolean, [boolean, boolean]]>([
    ["bound to loopback", "127.0.0.1", "127.0.0.1", false, [true, true]],
    ["bound to another loopback", "127.0.0.2", "127.0.0.1", false, [false, false]],
    ["bound to all", "127.0.0.1", "0.0.0.0", false, [false, false]],
    ["bound to our own", "192.0.2.5", "192.0.2.5", false, [true, true]],
    ["bound to our own, loopback asked", "127.0.0.1", "192.0.2.5", false, [false, false]],
    ["bound to link-local", "fe80::5", "fe80::5", false, [true, true]],
    ["bound to loopback, NAT64 of it", "64:ff9b::127.0.0.1", "127.0.0.1", false, [false, false]],
    ["bound to loopback behind a proxy", "127.0.0.1", "127.0.0.1", true, [false, false]],
    ["a private address behind a proxy", "10.0.0.1", undefined, true, [false, true]],
    ["a shared address behind a proxy", "100.64.0.1", undefined, true, [false, true]],
    ["a unique local one behind a proxy", "fd00::1", undefined, true, [false, true]],
    ["a public address behind a proxy", "198.51.100.1", undefined, true, [true, true]],
  ])("%s", (_why, text, bound, proxied, expected) => {
    const peer = { address: address(text), port: 6881 };
    const verdicts = [true, false].map((announced) =>
      isDialable(peer, standpoint(bound, proxied), announced),
    );
    expect(verdicts).toEqual(expected as boolean[]);
  });
});
