/**
 * Which answer a client gets for a failure. The codes of the disk are named one by one; any
 * other error is a fault of this server: 500, and a line in the log.
 */

import { NOT_FOUND, type Plan, refuse } from "../http/plan.ts";
import { errorCode } from "../os/error-code.ts";
import { NoAnswer } from "../os/line.ts";

/** Seconds after which a client may try again. */
const RETRY_AFTER = { "retry-after": "1" };

const EXHAUSTED = "This server is out of resources; try again";

/** The answer to a request that failed with `error`. */
export function planFailure(error: unknown): Plan {
  if (error instanceof FileChanged) {
    return refuse(503, "The file keeps changing; try again", RETRY_AFTER);
  }
  if (error instanceof NoAnswer) {
    return refuse(503, "Another process of this server doesn't answer; try again", RETRY_AFTER);
  }
  if (error instanceof FileTooLarge) {
    return refuse(500, "The file is larger than this server can serve");
  }
  if (error instanceof Crowded) {
    return refuse(503, "Too much of that is being sent; try again", RETRY_AFTER);
  }
  switch (errorCode(error)) {
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
    case "ENAMETOOLONG":
    case "ENXIO":
    case "ENODEV":
    case "ESTALE":
      return NOT_FOUND;
    case "EACCES":
    case "EPERM":
      return refuse(403, "This server may not read that");
    case "EMFILE":
    case "ENFILE":
      return refuse(503, EXHAUSTED, { ...RETRY_AFTER, connection: "close" });
    case "ENOMEM":
    case "EAGAIN":
      return refuse(503, EXHAUSTED, RETRY_AFTER);
    default:
      return refuse(500, "This server failed to answer; its log says why");
  }
}

/** The file became another version while an answer was made from it. */
export class FileChanged extends Error {
  constructor() {
    super("The file changed while it was read");
  }
}

/** The descriptors that are left are kept for connections and small answers. */
export class OutOfDescriptors extends Error {
  readonly code = "EMFILE";
}

/** Too many requests of a kind that takes much memory or work. */
export class Crowded extends Error {
  constructor() {
    super("Too many answers of this kind at once");
  }
}

/** The file has 2^52 bytes or more, which the runtime can't count. */
export class FileTooLarge extends Error {
  constructor() {
    super("The file is larger than 4 PiB");
  }
}
