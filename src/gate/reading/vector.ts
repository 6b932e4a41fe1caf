/** Longest vector of a model, as text models make them, in numbers. */
const MAX_NUMBERS = 4096;
/** Exponents of numbers between 1e-12 and 65,536, by absolute value; zero has none. */
const LOWEST = 87;
const HIGHEST = 142;
/** Share of different numbers. Pixels of 8 bits have at most 256 for a channel, however they are scaled. */
const MIN_DIFFERENT = 0.9;

/**
 * Whether bytes are a vector of 32-bit floats (little endian), as models embed text. An image of so few numbers has fewer
 * different values, unless it was resized as floats.
 */
export function isVector(bytes: Buffer): boolean {
  const numbers = bytes.length / 4;
  if (!Number.isInteger(numbers) || numbers > MAX_NUMBERS) return false;
  const different = new Set<number>();
  for (let at = 0; at < bytes.length; at += 4) {
    const bits = bytes.readUInt32LE(at);
    const exponent = (bits >>> 23) & 255;
    if ((bits & 0x7fffffff) !== 0 && (exponent < LOWEST || exponent > HIGHEST)) return false;
    different.add(bits);
  }
  return different.size >= MIN_DIFFERENT * numbers;
}
