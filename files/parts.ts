/**
 * Several windows of a file as one body that is too large to hold in memory: each piece is
 * read and checked when it is sent. The body is chunked, since the runtime sends no length
 * for a JavaScript stream. A failure ends the connection.
 */

import type { Multipart } from "../http/multipart.ts";
import { FileChanged } from "./failure.ts";
import type { OpenFile } from "./open-file.ts";
import { fill } from "./page-cache.ts";
import { WatchedFile } from "./watched-file.ts";

/** Bytes read for one piece. */
const CHUNK = 64 * 1024;

/** Milliseconds from finding a new modification time to a second look: the file may be about to grow. */
const SECOND_LOOK = 10;

/** How the making of a body ended. */
export type Made = "whole" | "changed" | "failed" | "unwanted";

/** The body of an answer that was planned at `now`, in milliseconds. `made` is called once, at its end. */
export function streamParts(
  multipart: Multipart,
  file: OpenFile,
  now: number,
  made: (how: Made) => void,
): ReadableStream<Uint8Array> {
  const chunks = readChunks(multipart, file, now);
  let open = true;
  file.retain();
  function end(how: Made): void {
    if (!open) return;
    open = false;
    file.release();
    made(how);
  }
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      // When the client goes away meanwhile, `cancel` must not close the file under this read.
      file.retain();
      try {
        // Over HTTP/2 the runtime sends on at each turn of the event loop, and else every 100 ms.
        await new Promise(setImmediate);
        const { done, value } = await chunks.next();
        if (!done) return controller.enqueue(value);
        end("whole");
        controller.close();
      } catch (error) {
        end(error instanceof FileChanged ? "changed" : "failed");
        // The header is sent: only a broken connection tells the client that the body isn't complete.
        controller.error(error);
      } finally {
        file.release();
      }
    },
    cancel: () => end("unwanted"),
  });
}

async function* readChunks(
  multipart: Multipart,
  file: OpenFile,
  now: number,
): AsyncGenerator<Uint8Array, void> {
  const watched = new WatchedFile(file, now);
  for (const { head, window } of multipart.parts) {
    yield Buffer.from(head, "latin1");
    for (let start = window.start; start < window.end; start += CHUNK) {
      const end = Math.min(start + CHUNK, window.end);
      const bytes = Buffer.allocUnsafe(end - start);
      // A file that ends before the window does has changed.
      if ((await fill(file, bytes, start)) < bytes.length) throw new FileChanged();
      await checkVersion(watched);
      yield bytes;
    }
  }
  yield Buffer.from(multipart.tail, "latin1");
}

/** Lets a response go on while its file only grows. */
async function checkVersion(watched: WatchedFile): Promise<void> {
  let seen = watched.look();
  if (seen === "dated") {
    await Bun.sleep(SECOND_LOOK);
    seen = watched.look();
  }
  if (seen !== "same") throw new FileChanged();
}
