/**
 * Decoding of bencoded values (bencode.ts) that strangers send. An info hash is made of
 * the bytes, so the decoder takes the one form that a value has and no other. It never
 * throws: a fault is a reason and an offset.
 */

/** A decoded value. An integer that a number can't hold exactly is a bigint. */
export type Bencoded = Uint8Array | number | bigint | readonly Bencoded[] | Dictionary;

/** Keys in the order of their bytes, one character a byte. */
export type Dictionary = ReadonlyMap<string, Bencoded>;

export type Decoded =
  | {
      readonly kind: "value";
      readonly value: Bencoded;
      /** Offset of the first byte after the value. */
      readonly end: number;
    }
  | {
      readonly kind: "malformed";
      readonly reason: string;
      /** Offset of the fault. */
      readonly at: number;
    };

/** The longest and deepest value that is decoded. */
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
const MESSAGE_LIMITS: Limits = { length: 64 * 1024, depth: 32 };

/** An integer of 64 bits has 19 digits at most, and no size or count is larger. */
const MOST_DIGITS = 19;

/** Decodes bytes that are one value and nothing else. Byte strings are copies. */
export function decode(bytes: Uint8Array, limits: Limits = MESSAGE_LIMITS): Decoded {
  const decoded = decodePrefix(bytes, limits);
  if (decoded.kind === "malformed" || decoded.end === bytes.length) return decoded;
  return { kind: "malformed", reason: "There is more behind the value", at: decoded.end };
}

/** Decodes the value at the start of the bytes; more may follow, as in a metadata message (BEP 9). */
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
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Reads the value at the offset; it may hold lists and dictionaries `depth` levels deep. */
  readValue(depth: number): Bencoded {
    const first = this.#bytes[this.offset];
    if (first === undefined) throw new Malformed("The end where a value should be", this.offset);
    switch (String.fromCharCode(first)) {
      case "i":
        return this.#readInteger();
      case "l":
        return this.#readList(this.#enter(depth));
      case "d":
        return this.#readDictionary(this.#enter(depth));
      default:
        return new Uint8Array(this.#readBytes());
    }
  }

  #enter(depth: number): number {
    if (depth === 0) throw new Malformed("Too many lists inside one another", this.offset);
    this.offset++;
    return depth - 1;
  }

  #readInteger(): number | bigint {
    const start = this.offset++;
    const digits = this.#readUntil("e", MOST_DIGITS + 1);
    if (digits === undefined || !/^(?:0|-?[1-9]\d{0,18})$/.test(digits)) {
      throw new Malformed("Not an integer", start);
    }
    const value = Number(digits);
    return Number.isSafeInteger(value) ? value : BigInt(digits);
  }

  #readBytes(): Uint8Array {
    const start = this.offset;
    const digits = this.#readUntil(":", MOST_DIGITS);
    if (digits === undefined || !/^(?:0|[1-9]\d*)$/.test(digits)) {
      throw new Malformed("Neither a value nor its end", start);
    }
    const end = this.offset + Number(digits);
    if (end > this.#bytes.length) throw new Malformed("A string past the end", start);
    const bytes = this.#bytes.subarray(this.offset, end);
    this.offset = end;
    return bytes;
  }

  #readList(depth: number): Bencoded[] {
    const list: Bencoded[] = [];
    while (!this.#skipEnd()) list.push(this.readValue(depth));
    return list;
  }

  #readDictionary(depth: number): Dictionary {
    const dictionary = new Map<string, Bencoded>();
    let last: string | undefined;
    while (!this.#skipEnd()) {
      const start = this.offset;
      const key = Buffer.from(this.#readBytes()).toString("latin1");
      if (last !== undefined && key <= last) {
        throw new Malformed("A key that isn't behind the one before", start);
      }
      last = key;
      dictionary.set(key, this.readValue(depth));
    }
    return dictionary;
  }

  #skipEnd(): boolean {
    const ends = this.#bytes[this.offset] === 0x65;
    if (ends) this.offset++;
    return ends;
  }

  /** The characters before `delimiter`; undefined when there are more than `most`. */
  #readUntil(delimiter: string, most: number): string | undefined {
    let text = "";
    for (let offset = this.offset; text.length <= most; offset++) {
      const byte = this.#bytes[offset];
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
