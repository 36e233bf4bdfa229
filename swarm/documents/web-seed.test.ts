/** BEP 19: libtorrent finds the files of a torrent at the URLs that its web seeds name. */

import { expect, setDefaultTimeout } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LIBTORRENT, PYTHON, run, testWith } from "../../test/clients.ts";
import { offsetBytes, startSite, temporaryDirectory, writeSettled } from "../../test/site.ts";
import { makeTorrent, sortKey, type TorrentFile } from "../bittorrent/torrent.ts";
import { makeDocument } from "./document.ts";

// A whole session of another program.
setDefaultTimeout(60_000);

/** Downloads a torrent from its web seeds alone: arguments are the .torrent and where to save. */
const DOWNLOAD = `
import libtorrent as lt, sys, time
session = lt.session({
    "listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False,
    "enable_upnp": False, "enable_natpmp": False,
    "alert_mask": lt.alert.category_t.all_categories})
torrent = session.add_torrent({"ti": lt.torrent_info(sys.argv[1]), "save_path": sys.argv[2]})
end = time.monotonic() + 40
while time.monotonic() < end:
    session.wait_for_alert(1000)
    for alert in session.pop_alerts():
        if isinstance(alert, lt.url_seed_alert):
            print(alert.message())
        if isinstance(alert, lt.torrent_finished_alert):
            sys.exit(0)
sys.exit(1)
`;

const PIECE = 65536;

/** The SHA-1 of every piece of `bytes`. */
function sha1Pieces(bytes: Uint8Array): Uint8Array {
  const digests: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += PIECE) {
    const piece = bytes.subarray(start, start + PIECE);
    digests.push(new Bun.CryptoHasher("sha1").update(piece).digest());
  }
  return new Uint8Array(Buffer.concat(digests));
}

const PATHS = [
  ["plain.bin"],
  ["with space"],
  ["100%"],
  ["%41"],
  ["a+b#c;d=e&f,@!$'()[]{}^~"],
  ["what?x=y"],
  ["ünïcödé", "文件", "🙂.txt"],
  ["e\u0301"],
];

testWith(LIBTORRENT).each<[string, string[], string[][]]>([
  ["a file", ["d ir", "100% f#?.bin"], [[]]],
  ["a file of another script", ["文件", "ünï"], [[]]],
  ["a folder", ["d ir", "f ö%"], PATHS],
  ["a folder at the top", ["f+ö"], PATHS],
])("%s", async (_why, segments, paths) => {
  using site = startSite();
  const files = paths
    .map((path, index): TorrentFile => ({ path, length: 100_000 + index }))
    .sort((a, b) => (sortKey(a.path) < sortKey(b.path) ? -1 : 1));
  const contents = files.map(({ length }, index) => offsetBytes(length, String(index)));
  for (const [index, { path }] of files.entries()) {
    const place = join(site.directory, ...segments, ...path);
    mkdirSync(dirname(place), { recursive: true });
    writeSettled(place, contents[index] ?? "");
  }
  const name = segments.at(-1) ?? "";
  const torrent = makeTorrent(name, files, PIECE, sha1Pieces(Buffer.concat(contents)));
  const digests =
    files[0]?.path.length === 0
      ? {
          completeLength: 0,
          sha256: new Uint8Array(),
          pieceLength: PIECE,
          sha256PieceLength: PIECE,
          sha1Pieces: new Uint8Array(),
          sha256Pieces: new Uint8Array(),
        }
      : undefined;
  const here = `${site.origin}/data/`;
  const urls = { here, mirrors: [], webSeeds: [here], announce: undefined };
  const made = makeDocument("torrent", { segments, digests, torrent }, urls, "name");
  if (made.kind === "refused") throw new Error(made.reason);
  const into = join(temporaryDirectory(), "saved");
  mkdirSync(into);
  const path = join(into, ".torrent");
  writeFileSync(path, made.document.bytes);
  const { exitCode, stdout, stderr } = await run([
    // Names on the disk are in UTF-8, whatever the tests are started with.
    ...["env", "LC_ALL=C.UTF-8", PYTHON, "-c", DOWNLOAD, path, into],
  ]);
  const right = files.map(({ path }, index) =>
    readFileSync(join(into, name, ...path)).equals(contents[index] ?? Buffer.of()),
  );
  expect({ exitCode, stdout, stderr, right }).toEqual({
    exitCode: 0,
    stdout: "",
    stderr: "",
    right: files.map(() => true),
  });
});
