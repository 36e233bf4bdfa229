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
 * Every value has exactly one form; bdecode.ts reads it.
 */

/** What can be encoded. Each character of a key is one byte, so none is above U+00FF. */
export type Encodable =
  | string
  | number
  | bigint
  | Uint8Array
  | Encoded
  | readonly Encodable[]
  | ReadonlyMap<string, Encodable>
  | EncodableRecord;

/** A dictionary; keys whose value is undefined are left out. */
export interface EncodableRecord {
  readonly [key: string]: Encodable | undefined;
}

/** A value that is bencoded already and keeps its bytes: an info dictionary. */
export class Encoded {
  constructor(readonly bytes: Uint8Array) {}
}

/** Encodes a value. Throws RangeError for a number that isn't a safe integer and for a key with a character above U+00FF. */
export function encode(value: Encodable): Uint8Array<ArrayBuffer> {
  const encoder = new Encoder();
  encoder.write(value);
  return encoder.finish();
}

/** Writes into one buffer that grows: a folder's torrent has many thousand strings. */
class Encoder {
  #buffer = Buffer.alloc(1024);
  #length = 0;

  finish(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.subarray(0, this.#length));
  }

  write(value: Encodable): void {
    if (typeof value === "string") return this.#writeString(Buffer.from(value, "utf8"));
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new RangeError(`Cannot bencode ${value}: not a safe integer`);
    }
    // BigInt turns -0 into 0; bencoding has no -0.
    if (typeof value === "number" || typeof value === "bigint") {
      return this.#writeAscii(`i${BigInt(value)}e`);
    }
    if (value instanceof Uint8Array) return this.#writeString(value);
    if (value instanceof Encoded) return this.#writeBytes(value.bytes);
    if (isList(value)) {
      this.#writeAscii("l");
      for (const element of value) this.write(element);
    } else {
      this.#writeAscii("d");
      for (const [key, element] of sortedEntries(value)) {
        this.#writeString(Buffer.from(key, "latin1"));
        this.write(element);
      }
    }
    this.#writeAscii("e");
  }

  #writeString(bytes: Uint8Array): void {
    this.#writeAscii(`${bytes.length}:`);
    this.#writeBytes(bytes);
  }

  #writeAscii(text: string): void {
    this.#reserve(text.length);
    this.#length += this.#buffer.write(text, this.#length, "latin1");
  }

  #writeBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const grown = Buffer.alloc(Math.max(this.#length + more, 2 * this.#buffer.length));
    grown.set(this.#buffer);
    this.#buffer = grown;
  }
}

/** Array.isArray alone doesn't narrow readonly arrays. */
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
