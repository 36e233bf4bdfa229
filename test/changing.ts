/**
 * Files that change while they are asked for, each in its own way, and whose bytes
 * tell which version they are. Every answer must be exactly one version.
 *
 * What isn't here is a large file that is written over in place: bytes on their way
 * are pages of the file, and no server can call them back.
 */

import { closeSync, openSync, renameSync, rmSync, unlinkSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { settle, SETTLED } from "./site.ts";
import type { WireResponse } from "./wire.ts";

/** How a file becomes another. Who rewrites empties it first, as a shell does. */
type Way = "replaced" | "deleted" | "grown" | "rewritten";

/** What may be seen of one version: it is written from `least` bytes on up to `most`. */
interface Version {
  readonly file: ChangingFile;
  readonly least: number;
  most: number;
}

/** What is asked: a file or some bytes of it, perhaps only if its entity tag is still the same. */
export interface Asked {
  readonly file: ChangingFile;
  readonly target: string;
  readonly fields: Record<string, string>;
  readonly range: { readonly first: number; readonly last: number } | undefined;
  readonly tag: string | undefined;
}

const KiB = 1024;

/** Up to here an answer is read before it begins, and above it is sent by the system. */
const SMALL = 200 * KiB;
const LARGE = 2048 * KiB;

const WAYS: readonly (readonly [Way, number])[] = [
  ["replaced", SMALL],
  ["replaced", LARGE],
  ["deleted", SMALL],
  ["deleted", LARGE],
  ["grown", SMALL],
  ["grown", LARGE],
  ["rewritten", SMALL],
];

/** 16 bytes a line, four numbers: version, line, and both again inverted. */
export function versionBytes(version: number, start: number, end: number): Buffer {
  const first = Math.floor(start / 16);
  const numbers = new Uint32Array((Math.ceil(end / 16) - first) * 4);
  for (let i = 0, line = first; i < numbers.length; i += 4, line++) {
    numbers[i] = version;
    numbers[i + 1] = line;
    numbers[i + 2] = ~version;
    numbers[i + 3] = ~line;
  }
  return Buffer.from(numbers.buffer).subarray(start - first * 16, end - first * 16);
}

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
export function randomNumbers(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One file as it is now. */
interface ChangingFile {
  readonly name: string;
  readonly path: string;
  readonly way: Way;
  readonly largest: number;
  version: number;
  size: number;
  exists: boolean;
  /** The strong entity tag that was seen last. */
  tag: string | undefined;
}

/** Changing files in a directory right below the root, and the judge of what is answered about them. */
export class Changing {
  readonly #files: readonly ChangingFile[];
  readonly #versions: Version[] = [];
  /** The version that each entity tag stands for, by the name of its file and the tag. */
  readonly #tags = new Map<string, number>();
  readonly #random: () => number;

  constructor(directory: string, random: () => number) {
    this.#random = random;
    this.#files = WAYS.flatMap(([way, largest]) =>
      [1, 2].map((n) => {
        const name = `${way}-${largest}-${n}`;
        const path = join(directory, name);
        return { name, path, way, largest, version: 0, size: 0, exists: true, tag: undefined };
      }),
    );
    for (const file of this.#files) this.#replace(file);
  }

  /** Changes one of the files. */
  change(): void {
    const file = this.#any();
    if (file.way === "rewritten") return this.#write(file, file.path, this.#size(file), 0);
    if (file.way === "grown" && file.size < file.largest / 2) return this.#grow(file);
    if (file.way === "deleted" && file.exists) {
      unlinkSync(file.path);
      file.exists = false;
    } else this.#replace(file);
  }

  /** Deletes every file; answers their targets. */
  remove(): string[] {
    for (const { path } of this.#files) rmSync(path, { force: true });
    return this.#files.map((file) => this.#targetOf(file));
  }

  /** Something to ask: a file or a window of it, sometimes only of the version that was seen last. */
  ask(): Asked {
    const file = this.#any();
    const target = this.#targetOf(file);
    if (this.#random() < 0.4) return { file, target, fields: {}, range: undefined, tag: undefined };
    const first = Math.floor(this.#random() * file.size * 0.5);
    const last = first + 64 + Math.floor(this.#random() * file.size);
    const tag = this.#random() < 0.5 ? file.tag : undefined;
    const condition = tag === undefined ? {} : { "If-Range": tag };
    const fields = { Range: `bytes=${first}-${last}`, ...condition };
    return { file, target, fields, range: { first, last }, tag };
  }

  /** What an answer is: its status, or what is wrong with it. */
  judge(asked: Asked, answer: WireResponse): string {
    const { way } = asked.file;
    const wrong = this.#findFault(asked, answer);
    return wrong === undefined ? `${answer.status}` : `${answer.status}, ${way}: ${wrong}`;
  }

  #findFault({ file, range, tag }: Asked, answer: WireResponse): string | undefined {
    const { status, fields, body, complete } = answer;
    const window = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+)$/.exec(fields["content-range"] ?? "");
    const [first = NaN, last = NaN, total = NaN] = (window ?? []).slice(1).map(Number);
    if (Number.isNaN(status)) return "closed without an answer";
    if (!complete) return "cut short";
    switch (status) {
      case 404:
        return file.way === "deleted" ? undefined : "it was there";
      case 416:
        if (range === undefined || range.first < total) return "it was satisfiable";
        return this.#hasBeen(file, total) ? undefined : "it never was of that length";
      case 200:
        // The tag that was named had to be another one for that.
        if (range !== undefined && body.length > 0 && (tag ?? fields["etag"]) === fields["etag"])
          return "a range was asked";
        return this.#findWrongBytes(file, answer, 0, body.length);
      case 206:
        if (first !== range?.first || last !== Math.min(range.last, total - 1))
          return "another window";
        if (body.length !== last - first + 1) return "another length";
        if (tag !== undefined && tag !== fields["etag"])
          return "another version than If-Range named";
        return this.#findWrongBytes(file, answer, first, total);
      default:
        return "unexpected";
    }
  }

  #findWrongBytes(
    file: ChangingFile,
    { fields, body }: WireResponse,
    start: number,
    length: number,
  ): string | undefined {
    // Too short to have a whole line in it.
    if (body.length < 31) return this.#hasBeen(file, length) ? undefined : "too short";
    const number = body.readUInt32LE((16 - (start % 16)) % 16);
    const version = this.#versions[number - 1];
    if (version?.file !== file) return "bytes of another file";
    if (!body.equals(versionBytes(number, start, start + body.length)))
      return "two versions in one";
    if (length < version.least || length > version.most) return "another complete length";
    const tag = fields["etag"] ?? "";
    if (!tag.startsWith("W/")) file.tag = tag;
    const key = `${file.name} ${tag}`;
    if ((this.#tags.get(key) ?? number) !== number) return "an entity tag of another version";
    this.#tags.set(key, number);
    return undefined;
  }

  /** Whether a version of a file was ever as long as that. */
  #hasBeen(file: ChangingFile, length: number): boolean {
    const versions = this.#versions.filter((version) => version.file === file);
    return versions.some(({ least, most }) => least <= length && length <= most);
  }

  #targetOf({ name, path }: ChangingFile): string {
    return `/data/${basename(dirname(path))}/${name}`;
  }

  #any(): ChangingFile {
    return this.#files[Math.floor(this.#random() * this.#files.length)]!;
  }

  /** Whole lines, and at least a KiB of them. */
  #size(file: ChangingFile): number {
    return 16 * Math.floor((KiB + this.#random() * (file.largest - KiB)) / 16);
  }

  /** Puts a whole new version in the file's place. One that seems to rest has a strong tag. */
  #replace(file: ChangingFile): void {
    const path = `${file.path}.new`;
    const size = file.way === "grown" ? KiB : this.#size(file);
    this.#write(file, path, size, size);
    if (file.way === "replaced") settle(path, SETTLED + file.version);
    renameSync(path, file.path);
    file.exists = true;
  }

  #write(file: ChangingFile, path: string, size: number, least: number): void {
    const version = this.#versions.push({ file, least, most: size });
    writeTo(path, "w", versionBytes(version, 0, size));
    Object.assign(file, { version, size });
  }

  #grow(file: ChangingFile): void {
    const version = this.#versions[file.version - 1]!;
    const size = file.size + 16 * Math.floor(this.#size(file) / 64);
    version.most = size;
    writeTo(file.path, "a", versionBytes(file.version, file.size, size));
    file.size = size;
  }
}

function writeTo(path: string, flags: "w" | "a", bytes: Uint8Array): void {
  const descriptor = openSync(path, flags);
  writeSync(descriptor, bytes);
  closeSync(descriptor);
}
