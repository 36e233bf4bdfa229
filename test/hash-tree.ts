/** `rangesrv hash` on its own, for tests from source: a directory and a state directory. */

import { hashTree, signalOfOperator } from "../digests/hash-command.ts";
import { Meter } from "../digests/progress-bar.ts";
import { DigestStore } from "../digests/store.ts";
import { openRoot } from "../files/locate.ts";
import { log, print } from "../service/log.ts";

const [directory = "", state] = process.argv.slice(2);
const store = new DigestStore({ directory: state, log });
const root = openRoot(directory, { symlinks: "inside", dotfiles: false });
const meter = new Meter(print, 80, performance.now());
const code = await hashTree(root, store, {
  ...{ log, meter, signal: signalOfOperator() },
  infoHashOf: () => undefined,
});
store[Symbol.dispose]();
process.exit(code);
