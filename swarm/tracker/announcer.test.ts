import { expect, test } from "bun:test";
import { formatAddress } from "../bittorrent/address.ts";
import { type Encodable, encode } from "../bittorrent/bencode.ts";
import { Announcer } from "./announcer.ts";

const HASH = Uint8Array.from({ length: 20 }, (_, n) => n * 13);
const PEER_ID = new TextEncoder().encode("-RS0100-abcdefghijkl");
const ID = "%2d%52%53%30%31%30%30%2d%61%62%63%64%65%66%67%68%69%6a%6b%6c";
const ESCAPED = "%00%0d%1a%27%34%41%4e%5b%68%75%82%8f%9c%a9%b6%c3%d0%dd%ea%f7";
const SAID = `info_hash=${ESCAPED}&peer_id=${ID}&port=7001&uploaded=0&downloaded=0&left=0&compact=1&numwant=50&event=started`;

/** The query, log lines and peers of one announce to a tracker that answers `answer`. */
async function announceTo(answer: Uint8Array, path = "/announce") {
  const heard = Promise.withResolvers<string>();
  using tracker = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      heard.resolve(new URL(request.url).search);
      return new Response(new Uint8Array(answer));
    },
  });
  const lines: string[] = [];
  const met: string[] = [];
  const done = Promise.withResolvers<void>();
  const origin = `http://127.0.0.1:${tracker.port}`;
  using announcer = new Announcer({
    tracker: origin + path,
    peerId: PEER_ID,
    port: 7001,
    log: (line) => {
      lines.push(line.replace(origin, "http://tracker"));
      done.resolve();
    },
    meet: (infoHash, { address, port }) => {
      if (Buffer.compare(infoHash, HASH) === 0) {
        met.push(`${formatAddress(address)} ${port}`);
      }
      done.resolve();
    },
  });
  announcer.keep(HASH, 0);
  // It is announced already.
  announcer.keep(HASH, 1);
  const query = await heard.promise;
  await done.promise;
  return { query, lines, met };
}

function compact(...bytes: number[]): Uint8Array {
  return Uint8Array.from(bytes);
}

const REFUSED = encode({ "failure reason": "not here" });

test.each<[string, Record<string, Encodable>, string[]]>([
  [
    "IPv4 and IPv6",
    {
      interval: 1800,
      peers: compact(198, 18, 0, 1, 0x1a, 0xe1, 198, 18, 0, 2, 0, 80),
      peers6: compact(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x1a, 0xe1),
    },
    ["198.18.0.1 6881", "198.18.0.2 80", "2001:db8:0:0:0:0:0:1 6881"],
  ],
  [
    "port 0 and half a peer left out",
    { interval: 1, peers: compact(198, 18, 0, 1, 0, 0, 198, 18, 0, 2, 0, 80, 198, 18) },
    ["198.18.0.2 80"],
  ],
])("The seeder is announced, and meets peers: %s", async (_why, answer, met) => {
  expect(await announceTo(encode(answer))).toEqual({ query: `?${SAID}`, lines: [], met });
});

test.each<[string, Uint8Array, string]>([
  ["a refusal", REFUSED, "not here"],
  ["nothing", new Uint8Array(), "the tracker's answer is not understood"],
  ["a page", new TextEncoder().encode("<html>"), "the tracker's answer is not understood"],
  ["a list", encode(["interval", 5]), "the tracker's answer is not understood"],
])("One log line for a tracker that answers with %s", async (_why, answer, reason) => {
  expect(await announceTo(answer)).toEqual({
    query: `?${SAID}`,
    lines: [`Cannot announce to http://tracker/announce: ${reason}`],
    met: [],
  });
});

test("A tracker's URL may have a query of its own", async () => {
  const { query } = await announceTo(REFUSED, "/announce?key=1");
  expect(query).toBe(`?key=1&${SAID}`);
});

test.each([
  ["http://tracker/announce", true],
  ["HTTPS://tracker/announce", true],
  ["udp://tracker:6969", false],
])("%s is reached: %p", (tracker, reaches) => {
  expect(Announcer.reaches(tracker)).toBe(reaches);
});

/** A tracker that takes connections and says `says` to each request; asks for `torrents`. */
async function announceToRaw(says: string, torrents: number, patience: number) {
  let open = 0;
  let most = 0;
  const logged = Promise.withResolvers<void>();
  const lines: string[] = [];
  using tracker = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: () => void (most = Math.max(most, ++open)),
      close: () => void open--,
      data: (socket) => void socket.write(says),
    },
  });
  const url = `http://127.0.0.1:${tracker.port}/announce`;
  using announcer = new Announcer({
    ...{ tracker: url, peerId: PEER_ID, port: 7001, patience, meet: () => {} },
    log: (line) => {
      lines.push(line.replace(url, ""));
      logged.resolve();
    },
  });
  for (let n = 0; n < torrents; n++) announcer.keep(new Uint8Array(20).fill(n), 0);
  await logged.promise;
  return { most, lines };
}

test.each<[string, string]>([
  ["nothing", ""],
  ["half its head", "HTTP/1.1 200 OK\r\nContent-"],
  ["half its body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nd8:"],
])(
  "A tracker that sends %s: the announce ends, and four are under way at a time",
  async (_why, says) => {
    expect(await announceToRaw(says, 20, 50)).toEqual({
      most: 4,
      lines: ["Cannot announce to : The operation timed out."],
    });
  },
);

test("A tracker's redirect is not followed", async () => {
  const away = "HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n";
  const { lines } = await announceToRaw(away, 1, 5000);
  expect(lines).toEqual([
    "Cannot announce to : the tracker answers 307, and redirects are not followed",
  ]);
});
