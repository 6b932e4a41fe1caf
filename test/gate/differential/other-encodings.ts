import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

/** Ways to write bytes as a JSON value or text, besides base64. Each is what some library or server can undo. */
const DIGITS = '0123456789';
const SMALL = 'abcdefghijklmnopqrstuvwxyz';
const CAPITALS = SMALL.toUpperCase();

const PYTHON85 = `${DIGITS}${CAPITALS}${SMALL}!#$%&()*+-;<=>?@^_\`{|}~`;
const Z85 = `${DIGITS}${SMALL}${CAPITALS}.-:+=^!/*?&<>()[]{}@%$#`;
const ASCII85 = String.fromCharCode(...Array.from({ length: 85 }, (_, i) => 33 + i));
const BASE58 = `123456789${CAPITALS.replace(/[IO]/g, '')}${SMALL.replace('l', '')}`;

export function base85(bytes: Buffer, alphabet: string): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const group = bytes.subarray(at, at + 4);
    let word = Buffer.concat([group, Buffer.alloc(4 - group.length)]).readUInt32BE();
    let five = '';
    for (let i = 0; i < 5; i++, word = Math.floor(word / 85)) five = alphabet[word % 85] + five;
    text += five.slice(0, group.length + 1);
  }
  return text;
}

const bits = (bytes: Buffer) => [...bytes].map((b) => b.toString(2).padStart(8, '0'));

export function base32(bytes: Buffer, alphabet = `${CAPITALS}234567`): string {
  const groups =
    bits(bytes)
      .join('')
      .match(/.{1,5}/g) ?? [];
  return groups.map((group) => alphabet[Number.parseInt(group.padEnd(5, '0'), 2)]).join('');
}

export function inRadix(bytes: Buffer, alphabet: string): string {
  let text = '';
  const base = BigInt(alphabet.length);
  for (let value = BigInt(`0x0${bytes.toString('hex')}`); value > 0n; value /= base)
    text = alphabet[Number(value % base)] + text;
  return text;
}

export function uuencoded(bytes: Buffer, head: boolean): string {
  const lines: string[] = [];
  const c = (value: number) => String.fromCharCode(value === 0 ? 96 : 32 + value);
  for (let at = 0; at < bytes.length; at += 45) {
    const line = bytes.subarray(at, at + 45);
    const groups =
      bits(Buffer.concat([line, Buffer.alloc((3 - (line.length % 3)) % 3)]))
        .join('')
        .match(/.{6}/g) ?? [];
    lines.push(c(line.length) + groups.map((group) => c(Number.parseInt(group, 2))).join(''));
  }
  return head ? `begin 644 a\n${lines.join('\n')}\n\`\nend\n` : lines.join('\n');
}

const hex = (bytes: Buffer, before: string, between: string) =>
  [...bytes].map((b) => before + b.toString(16).padStart(2, '0')).join(between);
const b64 = (bytes: Buffer) => bytes.toString('base64');
const chunks = (text: string, size: number) => text.match(new RegExp(`.{1,${size}}`, 'gs')) ?? [];
const words = (bytes: Buffer) => Array.from({ length: bytes.length >> 2 }, (_, i) => bytes.readInt32BE(4 * i));

/** Texts that stand for bytes. */
export const TEXTS: Record<string, (bytes: Buffer) => string> = {
  Ascii85: (b) => base85(b, ASCII85),
  'Ascii85 between marks': (b) => `<~${base85(b, ASCII85)}~>`,
  'base85 of Python': (b) => base85(b, PYTHON85),
  Z85: (b) => base85(b, Z85),
  base32: (b) => base32(b),
  'base32 in small letters': (b) => base32(b).toLowerCase(),
  base32hex: (b) => base32(b, `${DIGITS}${CAPITALS.slice(0, 22)}`),
  uuencode: (b) => uuencoded(b, true),
  'lines of uuencode': (b) => uuencoded(b, false),
  'quoted-printable': (b) => hex(b, '=', '').toUpperCase(),
  hexadecimal: (b) => b.toString('hex'),
  'hexadecimal with blanks': (b) => hex(b, '', ' '),
  'hexadecimal with colons': (b) => hex(b, '', ':').toUpperCase(),
  'hexadecimal with prefixes': (b) => hex(b, '0x', ', '),
  'hexadecimal with one prefix': (b) => `0x${b.toString('hex')}`,
  'hexadecimal of PostgreSQL': (b) => `\\x${b.toString('hex')}`,
  'hexadecimal in escapes': (b) => hex(b, '\\x', ''),
  'decimal numbers': (b) => [...b].join(','),
  'decimal numbers with blanks': (b) => [...b].join(' '),
  'octal numbers': (b) => [...b].map((c) => c.toString(8).padStart(3, '0')).join(' '),
  'binary numbers': (b) => bits(b).join(' '),
  'binary digits': (b) => bits(b).join(''),
  'gzip in base64': (b) => b64(gzipSync(b)),
  'zlib in base64': (b) => b64(deflateSync(b)),
  'deflate in base64': (b) => b64(deflateRawSync(b)),
  'gzip in hexadecimal': (b) => gzipSync(b).toString('hex'),
  'zlib in base85': (b) => base85(deflateSync(b), PYTHON85),
  'base64 in base85': (b) => base85(Buffer.from(b64(b)), PYTHON85),
  'hexadecimal in base64': (b) => b64(Buffer.from(b.toString('hex'))),
  'base64 in hexadecimal': (b) => Buffer.from(b64(b)).toString('hex'),
};

/** One large number; leading zeros of the bytes are lost in it. */
export const NUMBERS: Record<string, (bytes: Buffer) => string> = {
  base58: (b) => inRadix(b, BASE58),
  base62: (b) => inRadix(b, `${DIGITS}${CAPITALS}${SMALL}`),
  base36: (b) => inRadix(b, `${DIGITS}${SMALL}`),
};

/** Values of JSON over which bytes are spread. */
export const SPREAD: Record<string, (bytes: Buffer) => unknown> = {
  'an array of hexadecimal strings': (b) => chunks(b.toString('hex'), 2),
  'an array of prefixed strings': (b) => chunks(b.toString('hex'), 2).map((text) => `0x${text}`),
  'an array of decimal strings': (b) => [...b].map(String),
  'an array of characters of base64': (b) => [...b64(b)],
  'an array of pieces of base64': (b) => chunks(b64(b), 8),
  'an array of lines of base64': (b) => chunks(b64(b), 76),
  'an array of characters': (b) => [...b].map((c) => String.fromCharCode(c)),
  'an object of numbers': (b) => ({ ...new Uint8Array(b) }),
};

/** Values of JSON for formats with a signature only. */
export const WORDS: Record<string, (bytes: Buffer) => unknown> = {
  'words of 32 bits': (b) => ({ words: words(b), sigBytes: b.length }),
};
