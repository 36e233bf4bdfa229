/** The framing of multipart/byteranges, byte by byte: RFC 9110 §14.6, RFC 2046 §5.1.1. */

import { describe, expect, test } from "bun:test";
import type { Window } from "../range.ts";
import { frameMultipart, type Multipart } from "./multipart.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz";

/** The whole body as it goes over the wire, with bytes of `content` in the windows. */
function bodyOf({ parts, tail }: Multipart, content: string): string {
  return (
    parts.map(({ head, window }) => head + content.slice(window.start, window.end)).join("") + tail
  );
}

describe("frameMultipart", () => {
  test.each<[string, Window[], string, string]>([
    [
      "two parts",
      [
        { start: 0, end: 3 },
        { start: 24, end: 26 },
      ],
      "text/plain; charset=utf-8",
      "--XYZ\r\n" +
        "Content-Type: text/plain; charset=utf-8\r\n" +
        "Content-Range: bytes 0-2/26\r\n" +
        "\r\n" +
        "abc\r\n" +
        "--XYZ\r\n" +
        "Content-Type: text/plain; charset=utf-8\r\n" +
        "Content-Range: bytes 24-25/26\r\n" +
        "\r\n" +
        "yz\r\n" +
        "--XYZ--\r\n",
    ],
    [
      "three parts, in the order asked",
      [
        { start: 25, end: 26 },
        { start: 0, end: 1 },
        { start: 10, end: 20 },
      ],
      "application/octet-stream",
      "--XYZ\r\n" +
        "Content-Type: application/octet-stream\r\n" +
        "Content-Range: bytes 25-25/26\r\n" +
        "\r\n" +
        "z\r\n" +
        "--XYZ\r\n" +
        "Content-Type: application/octet-stream\r\n" +
        "Content-Range: bytes 0-0/26\r\n" +
        "\r\n" +
        "a\r\n" +
        "--XYZ\r\n" +
        "Content-Type: application/octet-stream\r\n" +
        "Content-Range: bytes 10-19/26\r\n" +
        "\r\n" +
        "klmnopqrst\r\n" +
        "--XYZ--\r\n",
    ],
    [
      "one part",
      [{ start: 0, end: 26 }],
      "image/png",
      "--XYZ\r\n" +
        "Content-Type: image/png\r\n" +
        "Content-Range: bytes 0-25/26\r\n" +
        "\r\n" +
        "abcdefghijklmnopqrstuvwxyz\r\n" +
        "--XYZ--\r\n",
    ],
  ])("%s", (_why, windows, partType, expected) => {
    const multipart = frameMultipart(windows, 26, partType, "XYZ");
    expect(bodyOf(multipart, ALPHABET)).toBe(expected);
  });

  test("says its type, its pieces and its length", () => {
    const windows = [
      { start: 0, end: 1000 },
      { start: 4000, end: 4999 },
    ];
    expect(frameMultipart(windows, 5000, "a/b", "B")).toEqual({
      mediaType: "multipart/byteranges; boundary=B",
      parts: [
        {
          window: { start: 0, end: 1000 },
          // 5 + 19 + 33 + 2 bytes
          head: "--B\r\nContent-Type: a/b\r\nContent-Range: bytes 0-999/5000\r\n\r\n",
        },
        {
          window: { start: 4000, end: 4999 },
          // 2 + 5 + 19 + 37 + 2 bytes
          head: "\r\n--B\r\nContent-Type: a/b\r\nContent-Range: bytes 4000-4998/5000\r\n\r\n",
        },
      ],
      // 9 bytes
      tail: "\r\n--B--\r\n",
      contentLength: 59 + 1000 + 65 + 999 + 9,
    });
  });

  test("is as long as the bytes that it makes, for any windows", () => {
    const encoder = new TextEncoder();
    const content = ALPHABET.repeat(100);
    for (let count = 1; count <= 20; count++) {
      for (const width of [1, 9, 10, 99, 120]) {
        const windows = Array.from({ length: count }, (_, i) => ({
          start: i * 130,
          end: i * 130 + width,
        }));
        const boundary = "b".repeat(count * 3);
        const multipart = frameMultipart(windows, 2600, "text/plain", boundary);
        const bytes = encoder.encode(bodyOf(multipart, content)).length;
        expect({ count, width, length: multipart.contentLength }).toEqual({
          count,
          width,
          length: bytes,
        });
      }
    }
  });
});
