/**
 * The code words of a QR code (ISO/IEC 18004 §7.4 to §7.6): bytes, filled up, cut into
 * blocks, with Reed-Solomon correction of level M.
 */

/** By version, from 1: error correction code words of a block, and blocks (table 9, level M). */
const CORRECTION = [
  10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26,
] as const;
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16] as const;

/** Code words of the smallest version that holds a text. */
export interface Words {
  readonly version: number;
  readonly words: readonly number[];
}

/** Undefined for a text that no version up to 20 holds. */
export function encodeWords(text: string): Words | undefined {
  const bytes = new TextEncoder().encode(text);
  for (let version = 1; version <= BLOCKS.length; version++) {
    const words = dataWords(version);
    const countBits = version < 10 ? 8 : 16;
    if (4 + countBits + 8 * bytes.length > 8 * words) continue;
    return { version, words: interleave(version, pack(bytes, countBits, words)) };
  }
  return undefined;
}

/** All code words of a version: the modules that no pattern takes, by eights. */
function allWords(version: number): number {
  const aligned = version === 1 ? 0 : Math.floor(version / 7) + 2;
  const patterns = aligned === 0 ? 0 : 25 * aligned ** 2 - 10 * aligned - 55;
  const modules = (16 * version + 128) * version + 64 - patterns - (version >= 7 ? 36 : 0);
  return Math.floor(modules / 8);
}

function dataWords(version: number): number {
  return allWords(version) - (CORRECTION[version - 1] ?? 0) * (BLOCKS[version - 1] ?? 0);
}

/** Mode, count, bytes, and what fills the rest (§7.4). */
function pack(bytes: Uint8Array, countBits: number, words: number): Uint8Array {
  let bits = `0100${bytes.length.toString(2).padStart(countBits, "0")}`;
  for (const byte of bytes) bits += byte.toString(2).padStart(8, "0");
  bits += "0".repeat(Math.min(4, 8 * words - bits.length));
  bits = bits.padEnd(8 * Math.ceil(bits.length / 8), "0");
  const packed = Uint8Array.from({ length: words }, (_, n) => (n % 2 ? 0x11 : 0xec));
  const used = bits.length / 8;
  for (let n = 0; n < words; n++) {
    packed[n] = n < used ? parseInt(bits.slice(8 * n, 8 * n + 8), 2) : (n - used) % 2 ? 0x11 : 0xec;
  }
  return packed;
}

/** Blocks with their correction, a word of each in turn (§7.5, §7.6). */
function interleave(version: number, data: Uint8Array): number[] {
  const blocks = BLOCKS[version - 1] ?? 1;
  const correction = CORRECTION[version - 1] ?? 0;
  const short = Math.floor(data.length / blocks);
  const firstLong = blocks - (data.length % blocks);
  const parts: Uint8Array[] = [];
  for (let n = 0, start = 0; n < blocks; n++) {
    const length = short + (n >= firstLong ? 1 : 0);
    parts.push(data.subarray(start, (start += length)));
  }
  const checks = parts.map((part) => correct(part, correction));
  const words: number[] = [];
  for (let n = 0; n <= short; n++) {
    for (const part of parts) if (n < part.length) words.push(part[n] ?? 0);
  }
  for (let n = 0; n < correction; n++) for (const check of checks) words.push(check[n] ?? 0);
  return words;
}

/** The product in GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((b >>> bit) & 1) * a;
  }
  return product;
}

/** The remainder of `data` by the generator polynomial of so many roots (Reed-Solomon). */
function correct(data: Uint8Array, count: number): number[] {
  const divisor: number[] = Array.from({ length: count }, (_, n) => (n === count - 1 ? 1 : 0));
  for (let n = 0, root = 1; n < count; n++, root = multiply(root, 2)) {
    for (let at = 0; at < count; at++) {
      divisor[at] = multiply(divisor[at] ?? 0, root) ^ (divisor[at + 1] ?? 0);
    }
  }
  const remainder: number[] = Array.from({ length: count }, () => 0);
  for (const byte of data) {
    const factor = byte ^ (remainder.shift() ?? 0);
    remainder.push(0);
    for (const [at, one] of divisor.entries())
      remainder[at] = (remainder[at] ?? 0) ^ multiply(one, factor);
  }
  return remainder;
}
