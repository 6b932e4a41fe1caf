/** Bytes that a text spells one by one: "ff d8 ff", "0xff,0xd8", "\\xff\\xd8", "255 216", "377 330", "11111111 11011000". */

const LOOKED = 96;
const MIN_BYTES = 8;
/** Characters of numbers and of what stands between them. Letters beyond hexadecimal digits occur in prefixes only. */
const ALLOWED = new Uint8Array(256);
for (const c of Buffer.from('0123456789abcdefABCDEFxXoObBuU \t\r\n,;:|/\\_+-%#&"\'`.()[]{}<>=')) ALLOWED[c] = 1;
const PREFIX = /0x|(?<![0-9a-f])(?:0o|0b(?=[01]{8}))|\\x|\\u00|&#x?|%|\\|#/gi;

/** Digits of one byte in the radices other than 16. */
const RADICES: readonly [radix: number, digits: RegExp][] = [
  [10, /^\d{1,3}$/],
  [8, /^[0-3]?[0-7]{1,2}$/],
  [2, /^(?:[01]{1,8}|(?:[01]{8})+)$/],
];

/** Digits in pairs or in groups of several bytes, and short ones as bytes of their own: "0x0 0xa". */
function fromHexadecimal(tokens: readonly string[]): Buffer[] {
  const joined = Buffer.from(tokens.join(''), 'hex');
  const single = tokens.every((token) => token.length <= 2) && tokens.some((token) => token.length === 1);
  return single ? [joined, Buffer.from(tokens.map((token) => token.padStart(2, '0')).join(''), 'hex')] : [joined];
}

function bytesOf(tokens: readonly string[], radix: number, digits: RegExp): Buffer | undefined {
  if (!tokens.every((token) => digits.test(token))) return undefined;
  const single = radix === 2 ? tokens.flatMap((token) => token.match(/.{1,8}/g) ?? []) : tokens;
  const numbers = single.map((token) => Number.parseInt(token, radix));
  return numbers.every((n) => n <= 255) ? Buffer.from(numbers) : undefined;
}

/** Whether a text begins as spelled bytes do. */
export function maySpell(text: Uint8Array): boolean {
  const end = Math.min(text.length, LOOKED);
  let digits = false;
  for (let i = 0; i < end; i++) {
    const c = text[i] as number;
    if (ALLOWED[c] === 0) return false;
    digits ||= c >= 0x30 && c <= 0x39;
  }
  return digits && end > 2 * MIN_BYTES;
}

/** The bytes in every radix in which all the numbers of a text are bytes. */
export function* spelledBytes(text: Buffer): Generator<{ radix: number; bytes: Buffer }> {
  if (!maySpell(text)) return;
  const tokens = text
    .toString('latin1')
    .replace(PREFIX, ' ')
    .split(/[^0-9a-fA-F]+/)
    .filter((token) => token !== '');
  // hexadecimal digits alone are read elsewhere
  const alone = tokens.length === 1 && tokens[0]?.length === text.length && !/^[01]+$/.test(tokens[0]);
  if (tokens.length === 0 || alone) return;
  for (const bytes of fromHexadecimal(tokens)) if (bytes.length >= MIN_BYTES) yield { radix: 16, bytes };
  for (const [radix, digits] of RADICES) {
    const bytes = bytesOf(tokens, radix, digits);
    if (bytes && bytes.length >= MIN_BYTES) yield { radix, bytes };
  }
}
