import { expect, test } from "bun:test";
import { clientName, clientSource, isLoopbackClient } from "./client.ts";

test.each<[string, string | undefined, string, boolean]>([
  ["10.0.0.1", "10.0.0.1", "10.0.0.1", false],
  ["::ffff:10.0.0.1", "10.0.0.1", "10.0.0.1", false],
  ["::FFFF:a00:1", "10.0.0.1", "10.0.0.1", false],
  ["0:0:0:0:0:ffff:255.0.0.1", "255.0.0.1", "255.0.0.1", false],
  ["127.8.0.1", "127.8.0.1", "127.8.0.1", true],
  ["::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1", true],
  ["::1", "::1", "0:0:0:0", true],
  ["2001:DB8:0:0:1:2:3:4", "2001:db8::1:2:3:4", "2001:db8:0:0", false],
  ["2001:db8::1", "2001:db8::1", "2001:db8:0:0", false],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2", false],
  ["fe80::1%eth0", "fe80::1", "fe80:0:0:0", false],
  ["", undefined, "", false],
  ["host", undefined, "host", false],
])("%s", (address, name, source, isLoopback) => {
  expect({
    name: clientName(address),
    source: clientSource(address),
    isLoopback: isLoopbackClient(address),
  }).toEqual({ name, source, isLoopback });
});
