/** A hasher on its own, for tests that start one from source. It writes its pid to the file that is named. */

import { renameSync, writeFileSync } from "node:fs";
import { runHasher } from "../digests/hasher-main.ts";
import { log } from "../service/log.ts";

const [pidFile] = process.argv.slice(2);
if (pidFile !== undefined) {
  writeFileSync(`${pidFile}.new`, String(process.pid));
  renameSync(`${pidFile}.new`, pidFile);
}
await runHasher({
  // Stands in for a torrent's: all that counts here is that it follows from the pieces.
  infoHashOf: (job, _segments, sha1Pieces) =>
    new Bun.CryptoHasher("sha1").update(job.path).update(sha1Pieces).digest(),
  log,
});
