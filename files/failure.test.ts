/** What each failure is to a client: its status, what it is told, and whether it may try again. */

import { expect, test } from "bun:test";
import { NoAnswer } from "../os/line.ts";
import { FileChanged, FileTooLarge, OutOfDescriptors, planFailure } from "./failure.ts";

/** An error as the system makes it. */
function coded(code: string): Error {
  return Object.assign(new Error(`${code}: open '/srv/secret/file'`), {
    code,
    path: "/srv/secret",
  });
}

const ABSENT = [404, "There is no such file here\n", undefined];
const FORBIDDEN = [403, "This server may not read that\n", undefined];
const EXHAUSTED = [503, "This server is out of resources; try again\n", "1"];
const FAULT = [500, "This server failed to answer; its log says why\n", undefined];

test.each<[string, unknown, (string | number | undefined)[]]>([
  ["no such file", coded("ENOENT"), ABSENT],
  ["a file where a directory should be", coded("ENOTDIR"), ABSENT],
  ["links in a circle", coded("ELOOP"), ABSENT],
  ["a name that is too long", coded("ENAMETOOLONG"), ABSENT],
  ["a FIFO that nobody writes to", coded("ENXIO"), ABSENT],
  ["a device without a driver", coded("ENODEV"), ABSENT],
  ["deleted at the file server", coded("ESTALE"), ABSENT],
  ["not readable", coded("EACCES"), FORBIDDEN],
  ["not permitted", coded("EPERM"), FORBIDDEN],
  ["no descriptor in this process", coded("EMFILE"), EXHAUSTED],
  ["no descriptor to spare", new OutOfDescriptors(), EXHAUSTED],
  ["no descriptor in the system", coded("ENFILE"), EXHAUSTED],
  ["no memory", coded("ENOMEM"), EXHAUSTED],
  ["no process or thread", coded("EAGAIN"), EXHAUSTED],
  ["a broken disk", coded("EIO"), FAULT],
  ["a code that isn't named", coded("EOVERFLOW"), FAULT],
  ["a fault of the program", new TypeError("undefined is not a function"), FAULT],
  ["what is no error", "ENOENT", FAULT],
  ["nothing", undefined, FAULT],
  ["what looks like one", { code: "ENOENT" }, FAULT],
  [
    "a file that keeps changing",
    new FileChanged(),
    [503, "The file keeps changing; try again\n", "1"],
  ],
  [
    "a process that doesn't answer",
    new NoAnswer("The supervisor is gone"),
    [503, "Another process of this server doesn't answer; try again\n", "1"],
  ],
  [
    "a file of 4 PiB",
    new FileTooLarge(),
    [500, "The file is larger than this server can serve\n", undefined],
  ],
])("%s", (_why, error, expected) => {
  const { status, fields, content } = planFailure(error);
  const text = content.kind === "text" ? content.text : content.kind;
  expect([status, text, fields["retry-after"]]).toEqual(expected);
});
