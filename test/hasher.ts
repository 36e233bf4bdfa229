/** A hasher on its own, for tests that start one from source. */

import { runHasher } from "../digests/hasher-main.ts";
import { log } from "../service/log.ts";

await runHasher({
  // Stands in for a torrent's: all that counts here is that it follows from the pieces.
  infoHashOf: (job, _segments, sha1Pieces) =>
    new Bun.CryptoHasher("sha1").update(job.path).update(sha1Pieces).digest(),
  log,
});
