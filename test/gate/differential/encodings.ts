import type { Picture } from './body.ts';
import { SPREAD, TEXTS } from './other-encodings.ts';

/** Changes of a base64 text that some decoder tolerates. */
const LENIENT: [name: string, change: (text: string, n: number) => string][] = [
  ['plain', (t) => t],
  ['plain', (t) => t],
  ['plain', (t) => t],
  ['unpadded', (t) => t.replace(/=+$/, '')],
  ['url-safe', (t) => t.replaceAll('+', '-').replaceAll('/', '_')],
  ['url-safe, unpadded', (t) => t.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')],
  ['both alphabets', (t) => t.replace('+', '-').replaceAll('/', '_')],
  ['lines of 76', (t) => t.replace(/.{76}/g, '$&\r\n')],
  ['lines of 64', (t) => t.replace(/.{64}/g, '$&\n')],
  ['a mark inside', (t, n) => insert(t, n, '!')],
  ['a blank inside', (t, n) => insert(t, n, ' ')],
  ['a hyphen inside', (t, n) => insert(t, n, '-')],
  ['a comma inside', (t, n) => insert(t, n, ',')],
  ['padding inside', (t, n) => insert(t, n, '=')],
  ['an accent inside', (t, n) => insert(t, n, 'é')],
  ['too much padding', (t) => `${t}====`],
  ['something after padding', (t) => `${t}==QUJD`],
  ['a mark before', (t) => `#${t}`],
  ['blanks before', (t) => `   ${t}`],
  ['a word before', (t) => `base64,${t}`],
  ['a mark after', (t) => `${t}!`],
  ['a mark after every character', (t) => t.replace(/./g, '$&.')],
  ['data URL', (t) => `data:image/png;base64,${t}`],
  ['data URL without type', (t) => `data:;base64,${t}`],
  ['data URL of text', (t) => `data:text/plain;charset=utf-8;base64,${t}`],
  ['data URL in capitals', (t) => `DATA:IMAGE/PNG;BASE64,${t}`],
  ['data URL with blanks', (t) => ` data:image/png; base64 , ${t}`],
  ['data URL without base64', (t) => `data:image/png,${t}`],
  ['in a sentence', (t) => `see ${t} there`],
  ['in an element', (t) => `<img src="data:image/png;base64,${t}">`],
];

const insert = (text: string, n: number, character: string) => {
  const at = n % (text.length + 1);
  return text.slice(0, at) + character + text.slice(at);
};

export const LENIENT_COUNT = LENIENT.length;

/** A text that some decoder turns into the picture. @param which index of the leniency */
export function encoded({ bytes }: Picture, which: number, n: number): { name: string; text: string } {
  const [name, change] = LENIENT[which % LENIENT.length] as (typeof LENIENT)[number];
  return { name, text: change(bytes.toString('base64'), n) };
}

/** Forms of a picture as a JSON value. */
const BASE64: [name: string, value: (picture: Picture, text: string) => string][] = [
  ['string', (_, text) => JSON.stringify(text)],
  ['string', (_, text) => JSON.stringify(text)],
  ['string', (_, text) => JSON.stringify(text)],
  [
    'string with escaped characters',
    (_, text) => `"${[...text].map((c, i) => (i % 3 ? json(c) : escapes(c))).join('')}"`,
  ],
  ['string with escaped slashes', (_, text) => JSON.stringify(text).replaceAll('/', '\\/')],
  ['JSON in a string', (_, text) => JSON.stringify(JSON.stringify({ image: text }))],
  ['JSON in JSON in a string', (_, text) => JSON.stringify(JSON.stringify(JSON.stringify([text])))],
  ['base64 of base64', (_, text) => JSON.stringify(Buffer.from(text).toString('base64'))],
  ['base64 of JSON', (_, text) => JSON.stringify(Buffer.from(JSON.stringify({ b64: text })).toString('base64'))],
  ['{"b64"}', (_, text) => `{"b64":${JSON.stringify(text)}}`],
  ['{"type":"Buffer"}', ({ bytes }) => JSON.stringify(bytes)],
  ['array of bytes', ({ bytes }) => JSON.stringify([...bytes])],
  ['array of bytes', ({ bytes }) => JSON.stringify([...bytes])],
  ['array of signed bytes', ({ bytes }) => JSON.stringify([...new Int8Array(bytes)])],
  ['array of numbers with a point', ({ bytes }) => `[${[...bytes].map((b) => `${b}.0`).join(', ')}]`],
  ['characters', ({ bytes }) => JSON.stringify(bytes.toString('latin1'))],
  ['characters of UTF-8', ({ bytes }) => JSON.stringify(bytes.toString('utf8'))],
  ['a name', (_, text) => `{${JSON.stringify(text)}:1}`],
];
/** Half of the values are base64, which most servers expect. */
const VALUES: typeof BASE64 = [
  ...BASE64,
  ...BASE64,
  ...Object.entries(TEXTS).map(
    ([name, text]) => [name, ({ bytes }) => JSON.stringify(text(bytes))] as (typeof BASE64)[0],
  ),
  ...Object.entries(SPREAD).map(([name, of]) => [name, ({ bytes }) => JSON.stringify(of(bytes))] as (typeof BASE64)[0]),
];
const json = (text: string) => JSON.stringify(text).slice(1, -1);
const escapes = (c: string) =>
  [...Array(c.length).keys()].map((i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');

export const VALUE_COUNT = VALUES.length;

export function jsonValue(picture: Picture, which: number, text: string): { name: string; value: string } {
  const [name, value] = VALUES[which % VALUES.length] as (typeof VALUES)[number];
  return { name, value: value(picture, text) };
}
