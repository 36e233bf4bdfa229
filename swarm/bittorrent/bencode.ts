/**
 * Bencoding, BEP 3: the notation of torrents, trackers and extension messages.
 *
 * | value      | written                                          |
 * | ---------- | ------------------------------------------------ |
 * | bytes      | `4:spam`; text is its UTF-8                      |
 * | integer    | `i-3e`                                           |
 * | list       | `l4:spami-3ee`                                   |
 * | dictionary | `d3:bar4:spam3:fooi42ee`, keys sorted as bytes   |
 *
 * Every value has one form. The decoder takes no other, since an info hash is made
 * of the form.
 */

/** What can be encoded. A key stands one byte a character, so above U+00FF there is none. */
export type Encodable =
  | string
  | number
  | bigint
  | Uint8Array
  | Encoded
  | readonly Encodable[]
  | ReadonlyMap<string, Encodable>
  | EncodableRecord;

/** A dictionary; what is undefined is left out. */
export interface EncodableRecord {
  readonly [key: string]: Encodable | undefined;
}

/** A value that is bencoded already, and whose very bytes count: an info dictionary. */
export class Encoded {
  constructor(readonly bytes: Uint8Array) {}
}

/** What was decoded: an integer that a number can't hold exactly is a bigint, keys are one byte a character. */
export type Bencoded = Uint8Array | number | bigint | readonly Bencoded[] | Dictionary;

/** Keys in the order of their bytes. */
export type Dictionary = ReadonlyMap<string, Bencoded>;

export type Decoded =
  | {
      readonly kind: "value";
      readonly value: Bencoded;
      /** Offset of the first byte behind the value. */
      readonly end: number;
    }
  | {
      readonly kind: "malformed";
      readonly reason: string;
      /** Offset of the fault. */
      readonly at: number;
    };

/** What a decoder takes at most. */
export interface Limits {
  /** Bytes. */
  readonly length: number;
  /** Lists and dictionaries inside one another. */
  readonly depth: number;
}

/**
 * An extension handshake has some hundred bytes, and nothing in BEP 3 to 52 is
 * deeper than the file tree of BEP 52. Each byte may become an empty list, so the
 * length bounds memory too.
 */
export const MESSAGE_LIMITS: Limits = { length: 64 * 1024, depth: 32 };

/** More digits than an integer of 64 bits has are nobody's size or count. */
const MOST_DIGITS = 19;

/** Encodes a value. Throws RangeError for a number that is no safe integer and for a key that is no bytes. */
export function encode(value: Encodable): Uint8Array<ArrayBuffer> {
  const encoder = new Encoder();
  encoder.write(value);
  return encoder.finish();
}

/** Writes into one buffer that grows: a folder's torrent has many thousand strings. */
class Encoder {
  private buffer = Buffer.alloc(1024);
  private length = 0;

  finish(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.buffer.subarray(0, this.length));
  }

  write(value: Encodable): void {
    if (typeof value === "string") return this.writeString(Buffer.from(value, "utf8"));
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new RangeError(`Cannot bencode ${value}: not a safe integer`);
    }
    // BigInt has no zero below zero, as bencoding has none.
    if (typeof value === "number" || typeof value === "bigint") {
      return this.writeAscii(`i${BigInt(value)}e`);
    }
    if (value instanceof Uint8Array) return this.writeString(value);
    if (value instanceof Encoded) return this.writeBytes(value.bytes);
    if (isList(value)) {
      this.writeAscii("l");
      for (const element of value) this.write(element);
    } else {
      this.writeAscii("d");
      for (const [key, element] of sortedEntries(value)) {
        this.writeString(Buffer.from(key, "latin1"));
        this.write(element);
      }
    }
    this.writeAscii("e");
  }

  private writeString(bytes: Uint8Array): void {
    this.writeAscii(`${bytes.length}:`);
    this.writeBytes(bytes);
  }

  private writeAscii(text: string): void {
    this.reserve(text.length);
    this.length += this.buffer.write(text, this.length, "latin1");
  }

  private writeBytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  private reserve(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const grown = Buffer.alloc(Math.max(this.length + more, 2 * this.buffer.length));
    grown.set(this.buffer);
    this.buffer = grown;
  }
}

/** A predicate of its own, since Array.isArray lets readonly lists through. */
function isList(value: object): value is readonly Encodable[] {
  return Array.isArray(value);
}

function sortedEntries(
  dictionary: ReadonlyMap<string, Encodable> | EncodableRecord,
): [string, Encodable][] {
  const entries: [string, Encodable][] = [];
  const all = dictionary instanceof Map ? dictionary.entries() : Object.entries(dictionary);
  for (const [key, value] of all) {
    if (/[^\0-\xff]/.test(key)) throw new RangeError(`Cannot bencode the key "${key}": not bytes`);
    if (value !== undefined) entries.push([key, value]);
  }
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Decodes bytes that are one value and nothing else. Never throws; byte strings are copies. */
export function decode(bytes: Uint8Array, limits: Limits = MESSAGE_LIMITS): Decoded {
  const decoded = decodePrefix(bytes, limits);
  if (decoded.kind === "malformed" || decoded.end === bytes.length) return decoded;
  return { kind: "malformed", reason: "There is more behind the value", at: decoded.end };
}

/** The same for bytes that begin with a value, as a metadata message does (BEP 9). */
export function decodePrefix(bytes: Uint8Array, limits: Limits = MESSAGE_LIMITS): Decoded {
  if (bytes.length > limits.length) {
    return { kind: "malformed", reason: `Longer than ${limits.length} bytes`, at: limits.length };
  }
  try {
    const decoder = new Decoder(bytes);
    return { kind: "value", value: decoder.readValue(limits.depth), end: decoder.offset };
  } catch (error) {
    if (error instanceof Malformed) {
      return { kind: "malformed", reason: error.message, at: error.at };
    }
    throw error;
  }
}

class Malformed extends Error {
  constructor(
    message: string,
    readonly at: number,
  ) {
    super(message);
  }
}

class Decoder {
  offset = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** Reads the value at the offset; `depth` more lists and dictionaries may begin in it. */
  readValue(depth: number): Bencoded {
    const first = this.bytes[this.offset];
    if (first === undefined) throw new Malformed("The end where a value should be", this.offset);
    switch (String.fromCharCode(first)) {
      case "i":
        return this.readInteger();
      case "l":
        return this.readList(this.enter(depth));
      case "d":
        return this.readDictionary(this.enter(depth));
      default:
        return new Uint8Array(this.readBytes());
    }
  }

  private enter(depth: number): number {
    if (depth === 0) throw new Malformed("Too many lists inside one another", this.offset);
    this.offset++;
    return depth - 1;
  }

  private readInteger(): number | bigint {
    const start = this.offset++;
    const digits = this.readUntil("e", MOST_DIGITS + 1);
    if (digits === undefined || !/^(?:0|-?[1-9]\d{0,18})$/.test(digits)) {
      throw new Malformed("Not an integer", start);
    }
    const value = Number(digits);
    return Number.isSafeInteger(value) ? value : BigInt(digits);
  }

  private readBytes(): Uint8Array {
    const start = this.offset;
    const digits = this.readUntil(":", MOST_DIGITS);
    if (digits === undefined || !/^(?:0|[1-9]\d*)$/.test(digits)) {
      throw new Malformed("Neither a value nor its end", start);
    }
    const end = this.offset + Number(digits);
    if (end > this.bytes.length) throw new Malformed("A string past the end", start);
    const bytes = this.bytes.subarray(this.offset, end);
    this.offset = end;
    return bytes;
  }

  private readList(depth: number): Bencoded[] {
    const list: Bencoded[] = [];
    while (!this.skipEnd()) list.push(this.readValue(depth));
    return list;
  }

  private readDictionary(depth: number): Dictionary {
    const dictionary = new Map<string, Bencoded>();
    let last: string | undefined;
    while (!this.skipEnd()) {
      const start = this.offset;
      const key = Buffer.from(this.readBytes()).toString("latin1");
      if (last !== undefined && key <= last) {
        throw new Malformed("A key that isn't behind the one before", start);
      }
      last = key;
      dictionary.set(key, this.readValue(depth));
    }
    return dictionary;
  }

  private skipEnd(): boolean {
    const ends = this.bytes[this.offset] === 0x65;
    if (ends) this.offset++;
    return ends;
  }

  /** The characters before `delimiter`, at most so many; undefined when there are more. */
  private readUntil(delimiter: string, most: number): string | undefined {
    let text = "";
    for (let offset = this.offset; text.length <= most; offset++) {
      const byte = this.bytes[offset];
      if (byte === undefined) return undefined;
      const character = String.fromCharCode(byte);
      if (character === delimiter) {
        this.offset = offset + 1;
        return text;
      }
      text += character;
    }
    return undefined;
  }
}
