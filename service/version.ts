/** What `--version` prints. `deploy/build.ts` puts the commit in. */

import { version } from "../package.json" with { type: "json" };

declare const RANGESRV_COMMIT: string;

const commit = typeof RANGESRV_COMMIT === "string" ? RANGESRV_COMMIT : "from source";

export const VERSION = `rangesrv ${version} (${commit}, Bun ${Bun.version})`;
