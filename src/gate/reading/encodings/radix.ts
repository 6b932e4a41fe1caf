/** Encodings of bytes as one large number: base58, base62, base36 and decimal digits. */

interface Radix {
  name: string;
  alphabet: string;
  /** The first character of the alphabet stands for a zero byte at the beginning. */
  zeros: boolean;
}

const DIGITS = '0123456789';
const CAPITALS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const SMALL = CAPITALS.toLowerCase();
const RADICES: readonly Radix[] = [
  { name: 'decimal digits', alphabet: DIGITS, zeros: false },
  { name: 'base36', alphabet: DIGITS + SMALL, zeros: false },
  { name: 'base36', alphabet: DIGITS + CAPITALS, zeros: false },
  {
    name: 'base58',
    alphabet: `123456789${CAPITALS.replace(/[IO]/g, '')}${SMALL.replace('l', '')}`,
    zeros: true,
  },
  { name: 'base62', alphabet: DIGITS + CAPITALS + SMALL, zeros: false },
  { name: 'base62', alphabet: DIGITS + SMALL + CAPITALS, zeros: false },
];
/** A conversion takes time by the square of the length; longer texts are judged as opaque ones. */
const MAX_CHARACTERS = 10_000;
const MIN_CHARACTERS = 12;
/** Digits whose value is exact in a double, in every radix. */
const LEADING = 8;

const tables = RADICES.map((radix) => {
  const values = new Int8Array(256).fill(-1);
  for (const [value, c] of [...Buffer.from(radix.alphabet)].entries()) values[c] = value;
  return { ...radix, values, base: radix.alphabet.length, bits: Math.log2(radix.alphabet.length) };
});

/** The first three bytes of the number, from its first digits and its length. */
function firstBytes(text: Uint8Array, values: Int8Array, base: number, bits: number): number {
  let leading = 0;
  for (let i = 0; i < LEADING; i++) leading = leading * base + (values[text[i] as number] as number);
  const log = Math.log2(leading) + (text.length - LEADING) * bits;
  return Math.floor(2 ** (log - 8 * (Math.floor(log / 8) - 2)) + 1e-6);
}

function inAlphabet(text: Uint8Array, values: Int8Array): boolean {
  for (let i = 0; i < text.length; i++) if ((values[text[i] as number] as number) < 0) return false;
  return true;
}

const ofDigits = (digits: Uint8Array, values: Int8Array, base: number): bigint => {
  // halves, so that most products are of numbers of the same size
  if (digits.length <= LEADING) {
    let value = 0;
    for (const c of digits) value = value * base + (values[c] as number);
    return BigInt(value);
  }
  const half = digits.length >> 1;
  const low = digits.length - half;
  return (
    ofDigits(digits.subarray(0, half), values, base) * BigInt(base) ** BigInt(low) +
    ofDigits(digits.subarray(half), values, base)
  );
};

/**
 * The bytes of which a text is the number in some radix, if they may begin an image.
 * @param mayBegin whether an image may begin with three bytes, given as one number
 */
export function* numbersOf(
  text: Uint8Array,
  mayBegin: (three: number) => boolean,
): Generator<{ name: string; bytes: Buffer }> {
  if (text.length < MIN_CHARACTERS || text.length > MAX_CHARACTERS) return;
  for (const { name, values, base, bits, alphabet, zeros } of tables) {
    let zero = 0;
    while (zero < text.length && text[zero] === alphabet.charCodeAt(0)) zero++;
    if (zero > text.length - LEADING) continue;
    const digits = text.subarray(zero);
    if (!inAlphabet(digits.subarray(0, LEADING), values)) continue;
    const lead = zeros ? Math.min(zero, 3) : 0;
    if (!mayBegin(firstBytes(digits, values, base, bits) >> (8 * lead))) continue;
    if (!inAlphabet(digits, values)) continue;
    const hex = ofDigits(digits, values, base).toString(16);
    const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
    yield { name, bytes: zeros ? Buffer.concat([Buffer.alloc(zero), bytes]) : bytes };
  }
}
