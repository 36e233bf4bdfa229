/** Bencoding (BEP 3): the few dictionaries that a tracker answers with. */

/** What can be encoded. Keys have one character a byte, since a scrape names torrents by their hashes. */
export type Encodable = Uint8Array | string | number | readonly Encodable[] | EncodableRecord;

export interface EncodableRecord {
  readonly [key: string]: Encodable;
}

export function encode(value: Encodable): Uint8Array {
  const chunks: Uint8Array[] = [];
  write(value, chunks);
  return Buffer.concat(chunks);
}

function write(value: Encodable, chunks: Uint8Array[]): void {
  if (typeof value === "number") {
    chunks.push(Buffer.from(`i${value}e`, "latin1"));
  } else if (typeof value === "string") {
    write(Buffer.from(value, "utf8"), chunks);
  } else if (value instanceof Uint8Array) {
    chunks.push(Buffer.from(`${value.length}:`, "latin1"), value);
  } else if (isList(value)) {
    chunks.push(LIST);
    for (const element of value) write(element, chunks);
    chunks.push(END);
  } else {
    chunks.push(DICTIONARY);
    // Sorted as bytes, which is how strings of one character a byte compare.
    for (const [key, element] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
      write(Buffer.from(key, "latin1"), chunks);
      write(element, chunks);
    }
    chunks.push(END);
  }
}

const LIST = Buffer.from("l");
const DICTIONARY = Buffer.from("d");
const END = Buffer.from("e");

function isList(value: Encodable): value is readonly Encodable[] {
  return Array.isArray(value);
}
