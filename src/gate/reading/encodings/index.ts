import { archiveKind, mayBePacked } from '../formats/media.ts';
import { mayBeginImage } from '../scan.ts';
import { ALPHABETS, type Decode, room } from './alphabets.ts';
import { numbersOf } from './radix.ts';
import { decodeUu } from './uuencode.ts';

/** Content of a text in one of the encodings. */
export interface EncodedContent {
  name: string;
  bytes: Buffer;
}

/** Characters that decide whether a text is decoded. */
const HEAD = 16;
/** Shorter texts hold no file but the smallest PBM. */
const MIN_CHARACTERS = 24;
const BLANK = 0x20;
const LETTER_B = 0x62;
const APOSTROPHE = 0x27;
const QUOTE = 0x22;
const ADOBE = Buffer.from('<~');
const DECODERS: readonly [name: string, decode: Decode][] = [...ALPHABETS, ['uuencode', decodeUu]];
/** Alphabets in which a blank may be among the first characters. */
const WITH_BLANKS = DECODERS.filter(([name]) => name === 'base45' || name === 'uuencode');

/** A zlib stream with the usual window, by the four levels of compression. */
const isZlib = (head: Buffer) => head[0] === 0x78 && ZLIB_LEVELS.has(head[1] as number);
const ZLIB_LEVELS = new Set([0x01, 0x5e, 0x9c, 0xda]);

/** The first bytes of a decoder. It is shared, because nothing here waits. */
const FIRST_BYTES = Buffer.alloc(room(HEAD) + 64);

/** Whether decoded bytes may begin an image, a packed file or a text; those of prose hardly ever do. */
function promising(head: Buffer, length: number): boolean {
  if (length < 6) return false;
  const first = head[0] as number;
  if (mayBeginImage((first << 16) | ((head[1] as number) << 8) | (head[2] as number))) return true;
  let printable = 0;
  while (printable < length && (head[printable] as number) > 0x1f && (head[printable] as number) < 0x7f) printable++;
  if (printable === length && printable >= 7) return true;
  return isZlib(head) || (mayBePacked(first) && archiveKind(head.subarray(0, length)) !== undefined);
}

function decoded(decode: Decode, text: Buffer): Buffer {
  // lines of uuencode have more bytes than their number says
  const out = Buffer.alloc(room(text.length) + 64);
  return out.subarray(0, decode(text, text.length, out));
}

/** The contents that decoders of rarer encodings find in a text. Most texts have none, which their first characters show. */
export function* encodedContents(text: Buffer): Generator<EncodedContent> {
  let start = 0;
  while (start < text.length && (text[start] as number) <= BLANK) start++;
  // the mark of Adobe's base85, and quotes as Python prints them
  if (text[start] === ADOBE[0] && text[start + 1] === ADOBE[1]) start += 2;
  else if (text[start] === LETTER_B && (text[start + 1] === APOSTROPHE || text[start + 1] === QUOTE)) start += 2;
  if (text.length - start < MIN_CHARACTERS) return;
  const content = start === 0 ? text : text.subarray(start);
  let prose = false;
  for (let i = 0; i < HEAD && i < content.length; i++) if (content[i] === BLANK) prose = true;
  for (const [name, decode] of prose ? WITH_BLANKS : DECODERS)
    if (promising(FIRST_BYTES, decode(content, HEAD, FIRST_BYTES))) yield { name, bytes: decoded(decode, content) };
  if (!prose) yield* numbersOf(content, mayBeginImage);
}
