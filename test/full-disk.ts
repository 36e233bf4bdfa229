/** Keeps digests of 40 files in the directory that is its argument, and says what became of them. */

import { fileJob } from "../digests/job.ts";
import { DigestStore } from "../digests/store.ts";

const lines: string[] = [];
const store = new DigestStore({
  directory: process.argv[2],
  log: (line) => void lines.push(line),
});
const jobs = Array.from({ length: 40 }, (_, n) =>
  fileJob({ path: `/${n}`, inode: 1n, size: 2 ** 24, modified: 1n, changed: 1n }),
);
const digests = {
  completeLength: 2 ** 24,
  sha256: new Uint8Array(32),
  pieceLength: 65536,
  sha256PieceLength: 1048576,
  sha1Pieces: new Uint8Array(256 * 20),
  sha256Pieces: new Uint8Array(16 * 32),
};
const kept = jobs.filter((job) => store.keep(job, { kind: "file", digests })).length;
const found = jobs.filter((job) => store.find(job) !== undefined).length;
process.stdout.write(JSON.stringify({ kept, found, lines }));
