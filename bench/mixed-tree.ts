/**
 * The files that bench/mixed.ts asks for, and the judge of what is answered: the bytes of a
 * file tell its version and their own offset, so every byte of an answer can be checked. Two
 * files are replaced by rename again and again; an answer about them must be one version, not
 * older than the one that was there when it was asked for.
 */

import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { versionBytes } from "../test/changing.ts";
import { settle, SETTLED } from "../test/site.ts";
import type { WireResponse } from "../test/wire.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

export interface File {
  readonly name: string;
  /** Bytes; one that is replaced has up to so many. */
  readonly largest: number;
  readonly isReplaced: boolean;
}

export const FILES: readonly File[] = [
  { name: "small", largest: 64 * KIB, isReplaced: false },
  { name: "medium", largest: 200 * KIB, isReplaced: false },
  { name: "large-1", largest: 24 * MIB, isReplaced: false },
  { name: "large-2", largest: 24 * MIB, isReplaced: false },
  { name: "replaced-small", largest: 100 * KIB, isReplaced: true },
  { name: "replaced-large", largest: 2 * MIB, isReplaced: true },
];

/** One version of a file: its number is in its bytes. */
interface Version {
  readonly file: File;
  readonly size: number;
}

export class Tree {
  readonly #versions: Version[] = [];
  /** The version of a file that is there. */
  readonly #latest = new Map<File, number>();
  readonly #contents = new Map<File, Buffer>();

  constructor(
    readonly directory: string,
    readonly random: () => number,
  ) {
    for (const file of FILES) this.replace(file);
  }

  /** Puts a new version in the place of a file, with another size and date. */
  replace(file: File): void {
    const share = file.isReplaced ? 0.5 + this.random() / 2 : 1;
    const size = 16 * Math.floor((share * file.largest) / 16);
    const version = this.#versions.push({ file, size });
    const path = join(this.directory, `.${file.name}`);
    const content = versionBytes(version, 0, size);
    writeFileSync(path, content);
    settle(path, SETTLED + version);
    renameSync(path, join(this.directory, file.name));
    this.#latest.set(file, version);
    if (!file.isReplaced) this.#contents.set(file, content);
  }

  latest(file: File): number {
    return this.#latest.get(file) ?? 0;
  }

  /** Bytes of the file that is there. */
  sizeOf(file: File): number {
    return this.#versions[this.latest(file) - 1]?.size ?? 0;
  }

  /**
   * What is wrong with an answer of 200 or 206 to a question that was asked when `least` was
   * there; undefined: nothing. `body` may be only the begin of what was answered.
   */
  judge(
    file: File,
    { fields, status }: WireResponse,
    body: Buffer,
    least: number,
  ): string | undefined {
    const type = fields["content-type"] ?? "";
    if (type.startsWith("multipart/byteranges")) return this.#judgeParts(file, body, least);
    if (status === 200)
      return this.#judgeWindow(file, body, 0, Number(fields["content-length"]), least);
    return this.#judgeRange(file, body, fields["content-range"] ?? "", least);
  }

  #judgeParts(file: File, body: Buffer, least: number): string | undefined {
    for (let at = 0, parts = 0; ; parts++) {
      const end = body.indexOf("\r\n\r\n", at);
      if (end === -1) return parts === 0 ? "no part" : undefined;
      const range = /content-range: (.*)/i.exec(body.toString("latin1", at, end))?.[1] ?? "";
      const [, first, last] = /(\d+)-(\d+)/.exec(range) ?? [];
      at = end + 4 + Number(last) - Number(first) + 1;
      const wrong = this.#judgeRange(file, body.subarray(end + 4, at), range, least);
      if (wrong !== undefined) return wrong;
    }
  }

  #judgeRange(file: File, bytes: Buffer, range: string, least: number): string | undefined {
    const [, first, , total] = /^bytes (\d+)-(\d+)\/(\d+)/.exec(range) ?? [];
    return this.#judgeWindow(file, bytes, Number(first), Number(total), least);
  }

  #judgeWindow(
    file: File,
    bytes: Buffer,
    first: number,
    total: number,
    least: number,
  ): string | undefined {
    // Too short to have the number of a version in it.
    if (bytes.length < 31) return undefined;
    const number = bytes.readUInt32LE((16 - (first % 16)) % 16);
    const version = this.#versions[number - 1];
    if (version?.file !== file) return "bytes of another file";
    if (number < least) return "a version that was gone";
    if (version.size !== total) return "another complete length";
    const end = first + bytes.length;
    const whole = this.#contents.get(file);
    const expected = whole?.subarray(first, end) ?? versionBytes(number, first, end);
    return bytes.equals(expected) ? undefined : "wrong bytes";
  }
}
