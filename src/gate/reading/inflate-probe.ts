/** Tells noise from a packed stream without zlib, whose errors cost some ten microseconds each. */

/** Symbols of a stream that are decoded; noise fails within a few. */
const MAX_SYMBOLS = 512;
const END = 256;
/** The extra bits of length codes from 257 on, and of distance codes (RFC 1951, 3.2.5). */
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12_289, 16_385, 24_577,
];
/** Symbol and length in bits of every nine bits, as they stand in the stream, in the fixed code. */
const FIXED = new Uint16Array(512);
function reversed(code: number, bits: number): number {
  let result = 0;
  for (let i = 0; i < bits; i++) result |= ((code >> i) & 1) << (bits - 1 - i);
  return result;
}
for (let symbol = 0; symbol < 288; symbol++) {
  const [bits, code] =
    symbol < 144
      ? [8, 0x30 + symbol]
      : symbol < 256
        ? [9, 0x190 + symbol - 144]
        : symbol < 280
          ? [7, symbol - 256]
          : [8, 0xc0 + symbol - 280];
  for (let rest = 0; rest < 1 << (9 - bits); rest++)
    FIXED[reversed(code, bits) | (rest << bits)] = (symbol << 4) | bits;
}

/** `count` bits from the bit `at` on, the lowest first; zeros behind the end. */
function bitsAt(data: Uint8Array, at: number, count: number): number {
  const byte = at >> 3;
  const word = (data[byte] ?? 0) | ((data[byte + 1] ?? 0) << 8) | ((data[byte + 2] ?? 0) << 16);
  return (word >> (at & 7)) & ((1 << count) - 1);
}

/** Whether the first symbols in the fixed code are valid. */
function fixedHolds(data: Uint8Array): boolean {
  const end = data.length * 8;
  let output = 0;
  let at = 3;
  for (let symbols = 0; symbols < MAX_SYMBOLS; symbols++) {
    const entry = FIXED[bitsAt(data, at, 9)] as number;
    const symbol = entry >> 4;
    at += entry & 15;
    // a stream that ends early is left to zlib
    if (at > end || symbol === END) return true;
    if (symbol < END) {
      output++;
      continue;
    }
    if (symbol > 285) return false;
    const extra = LENGTH_EXTRA[symbol - 257] as number;
    const length = (LENGTH_BASE[symbol - 257] as number) + bitsAt(data, at, extra);
    at += extra;
    const code = reversed(bitsAt(data, at, 5), 5);
    if (at + 5 > end) return true;
    if (code > 29) return false;
    at += 5;
    const more = code < 4 ? 0 : (code >> 1) - 1;
    if (at + more > end) return true;
    if ((DISTANCE_BASE[code] as number) + bitsAt(data, at, more) > output) return false;
    at += more;
    output += length;
  }
  return true;
}

/** Whether the code of the code lengths is complete, as zlib demands. */
function dynamicHolds(data: Uint8Array): boolean {
  const first = bitsAt(data, 3, 14);
  if ((first & 31) > 29 || ((first >> 5) & 31) > 29) return false;
  const count = (first >> 10) + 4;
  if (17 + 3 * count > data.length * 8) return true;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const bits = bitsAt(data, 17 + 3 * i, 3);
    if (bits > 0) sum += 128 >> bits;
  }
  return sum === 128;
}

/** Whether a raw stream (RFC 1951) may begin here. False only for bytes that zlib refuses with certainty. */
export function mayInflate(data: Uint8Array): boolean {
  const type = bitsAt(data, 1, 2);
  if (type === 0) return bitsAt(data, 8, 16) === (bitsAt(data, 24, 16) ^ 0xffff);
  return type === 1 ? fixedHolds(data) : type === 2 && dynamicHolds(data);
}
