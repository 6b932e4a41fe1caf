/** A fast test that comes before the formats are looked at: very many texts of a body begin as no image does. */

/** Pairs of first bytes with which an image may begin. */
const PAIRS = new Uint8Array(65_536);
const pair = (first: number, second: number) => {
  PAIRS[(first << 8) | second] = 1;
};
const pairs = (text: string) => {
  for (const two of text.split(' ')) pair(two.charCodeAt(0), two.charCodeAt(1));
};

/** Sizes of the headers with which bitmaps without a file header begin. */
const HEADER_SIZES = [0, 12, 16, 40, 52, 56, 64, 108, 124];
for (const size of HEADER_SIZES) pair(size, 0);
pair(0xff, 0xd8);
pair(0x01, 0xda);
for (const version of [0, 2, 3, 4, 5]) pair(0x0a, version);
pairs('RI BM P0 P1 P2 P3 P4 P5 P6 P7 PF Pf Py #d #? /* %! SI <? <! <s <S Da Li');
pair(0x21, 0x20);
for (let second = 0; second < 256; second++) {
  pair(0x1c, second);
  // formats whose header is a text may have blanks before it
  for (const blank of Buffer.from(' \t\r\n\f\v')) pair(blank, second);
}

/** Adds the first two bytes of a signature. */
export function addBeginning(bytes: Uint8Array): void {
  pair(bytes[0] as number, bytes[1] as number);
}

const SPIDER_FORMS = new Uint8Array(256);
for (const first of [0x3f, 0x40, 0xc1]) SPIDER_FORMS[first] = 1;

/** Whether the fifth float of a SPIDER header may be one of its forms, in either byte order. */
const mayBeSpider = (d: Uint8Array) =>
  (SPIDER_FORMS[d[16] as number] === 1 && d[18] === 0 && d[19] === 0) ||
  (SPIDER_FORMS[d[19] as number] === 1 && d[16] === 0 && d[17] === 0);

const isLetter = (c: number) => ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a) || c === 0x0d;

/** Whether bytes may be the beginning of an image: true for every image, and for few other bytes. @param n bytes that count */
export function mayBeImage(d: Uint8Array, n: number): boolean {
  if (n < 2) return false;
  const first = d[0] as number;
  if (PAIRS[(first << 8) | (d[1] as number)] === 1) return true;
  if (n >= 12 && d[4] === 0x66 && d[5] === 0x74) return true;
  if (n >= 16 && d[5] === 0xaf) return true;
  if (n >= 19 && (d[1] as number) <= 1 && ((d[2] as number) & 7) <= 3 && (d[2] as number) < 12) return true;
  if (n >= 108 && mayBeSpider(d)) return true;
  if (n > 128) return true;
  // IM has lines of text before its pixels, and IFUNC a form feed
  const letter = isLetter(first);
  for (let i = 0; i < n; i++) if (d[i] === 0x0c || (letter && d[i] === 0x0a && i < 100)) return true;
  return false;
}
