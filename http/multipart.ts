/**
 * The framing of multipart/byteranges, RFC 9110 §14.6.
 *
 *     --BOUNDARY CRLF
 *     Content-Type: text/plain CRLF
 *     Content-Range: bytes 0-10/100 CRLF
 *     CRLF
 *     …11 bytes…
 *     CRLF --BOUNDARY CRLF            each further part
 *     …
 *     CRLF --BOUNDARY-- CRLF          the end
 */

import { formatContentRange, type Window } from "../range.ts";

/** One part: the text that goes before its bytes, and the bytes. */
export interface Part {
  readonly head: string;
  readonly window: Window;
}

/** Everything but the bytes. `contentLength` counts both. */
export interface Multipart {
  readonly mediaType: string;
  readonly parts: readonly Part[];
  readonly tail: string;
  readonly contentLength: number;
}

/** Frames `windows`; `boundary` must not occur in the bytes and have no character to be quoted. */
export function frameMultipart(
  windows: readonly Window[],
  completeLength: number,
  partType: string,
  boundary: string,
): Multipart {
  const parts = windows.map((window, index) => ({
    window,
    head:
      (index === 0 ? "" : "\r\n") +
      `--${boundary}\r\n` +
      `Content-Type: ${partType}\r\n` +
      `Content-Range: ${formatContentRange(window, completeLength)}\r\n\r\n`,
  }));
  const tail = `\r\n--${boundary}--\r\n`;
  let contentLength = tail.length;
  // The framing is ASCII: one character, one byte.
  for (const { head, window } of parts) contentLength += head.length + window.end - window.start;
  return { mediaType: `multipart/byteranges; boundary=${boundary}`, parts, tail, contentLength };
}
