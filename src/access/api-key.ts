import { createHash, randomInt, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_LENGTH = 10;
/** 62^43 > 2^256, so a secret cannot be guessed. A slow hash would add nothing, and would let strangers load the processor. */
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;

/** The form of a key: `clipn_<id>_<secret><checksum>`. Letters and digits only, so that a double click selects it. */
const KEY = new RegExp(`^clipn_([0-9A-Za-z]{${ID_LENGTH}})_[0-9A-Za-z]{${SECRET_LENGTH + CHECKSUM_LENGTH}}$`);
export const KEY_ID = new RegExp(`^[0-9A-Za-z]{${ID_LENGTH}}$`);
/** Anything that looks like a key, inside any text: for redaction. */
export const KEY_ANYWHERE = /clipn_[0-9A-Za-z]+_[0-9A-Za-z]+/g;

const letters = (n: number) => Array.from({ length: n }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');

/** CRC-32 in base 62. A mistyped key is refused without a look-up, and scanners for leaked secrets recognise real keys. */
function checksum(text: string): string {
  let rest = crc32(text);
  let digits = '';
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    digits = ALPHABET[rest % ALPHABET.length] + digits;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return digits;
}

export interface GeneratedKey {
  id: string;
  /** The complete key: shown once and not stored. */
  key: string;
  hash: string;
}

export function makeKey(): GeneratedKey {
  const id = letters(ID_LENGTH);
  const body = `clipn_${id}_${letters(SECRET_LENGTH)}`;
  const key = body + checksum(body);
  return { id, key, hash: hashOf(key) };
}

/** SHA-256 of the complete key, in hex. */
export function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** The visible part of a key, for lists and logs. */
export const prefixOf = (id: string) => `clipn_${id}_`;

/** The id in a text that is an id, a visible prefix or a complete key. */
export const idIn = (text: string) => /^clipn_([0-9A-Za-z]+)(_|$)/.exec(text)?.[1] ?? text;

/** The id in a well-formed key, else undefined. */
export function idOf(key: string): string | undefined {
  const id = KEY.exec(key)?.[1];
  return id !== undefined && key.endsWith(checksum(key.slice(0, -CHECKSUM_LENGTH))) ? id : undefined;
}

const NOBODY = '0'.repeat(64);

/** Whether the key has this hash. Takes the same time for every answer, also where there is no hash. */
export function isKey(key: string, hash: string | undefined): boolean {
  const same = timingSafeEqual(Buffer.from(hashOf(key), 'hex'), Buffer.from(hash ?? NOBODY, 'hex'));
  return same && hash !== undefined;
}
