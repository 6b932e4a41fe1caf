/** Bytes that a text spells one by one: "ff d8 ff", "0xff,0xd8", "\\xff\\xd8", "255 216", "377 330", "11111111 11011000". */
import { Spelling } from './spelling.ts';

const LOOKED = 96;
const MIN_BYTES = 8;
/** Characters of numbers and of what stands between them. Letters beyond hexadecimal digits occur in prefixes only. */
const ALLOWED = new Uint8Array(256);
for (const c of Buffer.from('0123456789abcdefABCDEFxXoObBuU \t\r\n,;:|/\\_+-%#&"\'`.()[]{}<>=')) ALLOWED[c] = 1;
const DIGIT = new Uint8Array(256);
for (const c of Buffer.from('0123456789')) DIGIT[c] = 1;
const HEX = new Uint8Array(256);
for (const c of Buffer.from('0123456789abcdefABCDEF')) HEX[c] = 1;

/** Whether a text begins as spelled bytes do. */
export function maySpell(text: Uint8Array): boolean {
  const end = Math.min(text.length, LOOKED);
  if (end <= 2 * MIN_BYTES) return false;
  let digits = 0;
  for (let i = 0; i < end; i++) {
    const c = text[i] as number;
    if (ALLOWED[c] === 0) return false;
    digits |= DIGIT[c] as number;
  }
  return digits === 1;
}

const ZERO = 0x30;
const BACKSLASH = 0x5c;
const LETTER_X = 0x78;
const LETTER_O = 0x6f;
const LETTER_B = 0x62;
const LETTER_U = 0x75;
/** The small letter of a capital. */
const small = (c = 0) => c | 0x20;

/** Characters of a prefix of a number: 0x, 0o, 0b before eight binary digits, \u00; 0 if there is none. Others end a number anyway. */
function prefixAt(text: Uint8Array, at: number): number {
  const c = text[at] as number;
  const next = small(text[at + 1]);
  if (c === BACKSLASH)
    return next === LETTER_U && text[at + 2] === ZERO && text[at + 3] === ZERO ? 4 : next === LETTER_X ? 2 : 1;
  if (c !== ZERO) return 0;
  if (next === LETTER_X) return 2;
  if (next !== LETTER_O && next !== LETTER_B) return 0;
  if (at > 0 && HEX[text[at - 1] as number] === 1) return 0;
  return next === LETTER_O || isOctet(text, at + 2) ? 2 : 0;
}

function isOctet(text: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 8; i++) if (text[i] !== 0x30 && text[i] !== 0x31) return false;
  return true;
}

/** The bytes in every radix in which all the numbers of a text are bytes. */
export function* spelledBytes(text: Buffer): Generator<{ radix: number; bytes: Buffer }> {
  if (!maySpell(text)) return;
  const spelling = new Spelling(text);
  for (let at = 0; at < text.length; ) {
    const prefix = prefixAt(text, at);
    if (prefix > 0) at += prefix;
    else if (HEX[text[at] as number] === 0) at++;
    else {
      const start = at++;
      while (at < text.length && HEX[text[at] as number] === 1 && (text[at] !== ZERO || prefixAt(text, at) === 0)) at++;
      // hexadecimal digits alone are read elsewhere
      if (start === 0 && at === text.length && !spelling.isBinary(start, at)) return;
      spelling.number(start, at);
    }
  }
  for (const { radix, bytes } of spelling.results()) if (bytes.length >= MIN_BYTES) yield { radix, bytes };
}
