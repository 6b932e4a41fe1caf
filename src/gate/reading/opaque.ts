/**
 * Tells text in an encoding that the gate does not undo from prose, code, numbers and identifiers. The bytes of a file are packed
 * noise in every format of today, so their text has no repetition beyond the frequency of its characters.
 */
import { deflateRawSync } from 'node:zlib';
import { VALUES } from './base64.ts';
import { MAX_BASE64_TOKEN_BYTES, SLICE_BYTES } from './limits.ts';
import { MIN_RUN } from './text-shapes.ts';

/** Bytes of a run that are measured at once, and the distance of these samples in a long run. */
const SAMPLE = 8192;
const STRIDE = 32 * 1024;
/** Of the bits by frequency alone, the share that remains after packing. Prose and code keep less than 0.8, noise all. */
const MIN_SHARE = 0.93;
/** Fewer bits for a character by frequency alone occur in alphabets as small as that of a sequence of bases. */
const MIN_BITS = 3.2;
/** A list of identifiers has pieces of at most this many characters. */
const MAX_IDENTIFIER = 200;
/** Share of digits and their separators in a list of numbers; share of the second most frequent class of characters. */
const MIN_NUMERIC = 0.85;
const MIN_SECOND_CLASS = 0.05;
/** Share of pairs of characters that occur again: more than this in text of any language, nearly none in large alphabets. */
const MIN_REPEATED_PAIRS = 0.05;
const MIN_WIDE_SHARE = 0.3;

const CLASS = new Uint8Array(128).fill(3);
for (let c = 0x61; c <= 0x7a; c++) CLASS[c] = 0;
for (let c = 0x41; c <= 0x5a; c++) CLASS[c] = 1;
for (let c = 0x30; c <= 0x39; c++) CLASS[c] = 2;
const NUMERIC = new Uint8Array(256);
for (const c of Buffer.from('0123456789.,;:+-eE()[]{}\r\n')) NUMERIC[c] = 1;
/** Separators of identifiers, also in escapes of URLs. */
const SEPARATORS = /(?:[\s,;|&"'()[\]{}<>]|%[01235-7][0-9A-Fa-f])+/;
const IDENTIFIERS = /^[A-Za-z0-9_\-.:+/=@%~]*$/;

/** Bits of a text if its characters were independent of each other. */
function bitsByFrequency(counts: Iterable<number>, length: number): number {
  let bits = 0;
  for (const n of counts) if (n > 0) bits -= n * Math.log2(n / length);
  return bits;
}

/** Whether a text of at most 256 different characters, one byte each, has no repetition. */
function isNoise(bytes: Buffer): boolean {
  const counts = new Uint32Array(256);
  for (const c of bytes) counts[c] = (counts[c] as number) + 1;
  const bits = bitsByFrequency(counts, bytes.length);
  if (bits < MIN_BITS * bytes.length) return false;
  return deflateRawSync(bytes, { level: 6 }).length * 8 >= MIN_SHARE * bits;
}

/** Whether the text of an alphabet outside ASCII is noise. */
function isWideNoise(sample: Buffer): boolean {
  // the sample may begin and end inside a character
  const points = Array.from(sample.toString('utf8').replaceAll('\ufffd', ''), (c) => c.codePointAt(0) as number);
  const index = new Map<number, number>();
  for (const point of points) if (!index.has(point)) index.set(point, index.size);
  if (index.size <= 256) return isNoise(Buffer.from(points.map((point) => index.get(point) as number)));
  const pairs = new Set<number>();
  let repeated = 0;
  for (let i = 1; i < points.length; i++) {
    const pair = (points[i - 1] as number) * 0x110000 + (points[i] as number);
    if (pairs.has(pair)) repeated++;
    else pairs.add(pair);
  }
  return repeated < MIN_REPEATED_PAIRS * points.length;
}

function isAsciiNoise(sample: Buffer): boolean {
  const classes = [0, 0, 0, 0];
  let numeric = 0;
  for (const c of sample) {
    const kind = CLASS[c & 127] as number;
    classes[kind] = (classes[kind] as number) + 1;
    numeric += NUMERIC[c] as number;
  }
  const [, second = 0] = classes.toSorted((a, b) => b - a);
  if (second < MIN_SECOND_CLASS * sample.length || numeric > MIN_NUMERIC * sample.length) return false;
  const pieces = sample.toString('latin1').split(SEPARATORS);
  if (pieces.every((piece) => piece.length <= MAX_IDENTIFIER && IDENTIFIERS.test(piece))) return false;
  return isNoise(sample);
}

/** Whether a text without blanks is noise, by samples of it. */
export function isOpaque(run: Buffer): boolean {
  for (let at = 0; at < run.length; at += STRIDE) {
    const sample = run.subarray(at, at + SAMPLE);
    if (sample.length < MAX_BASE64_TOKEN_BYTES && at > 0) return false;
    let wide = 0;
    for (const c of sample) if (c >= 0x80) wide++;
    if (wide > MIN_WIDE_SHARE * sample.length ? isWideNoise(sample) : isAsciiNoise(sample)) return true;
  }
  return false;
}

/** The last blank from `start` up to `end`; -1 if there is none. */
function lastBlank(text: Buffer, start: number, end: number): number {
  for (let at = Math.min(end, text.length - 1); at >= start; at--)
    if (text[at] === 0x20 || text[at] === 0x09) return at;
  return -1;
}

/**
 * Whether a text contains a run of noise without blanks of more than 4,096 bytes; yields after every slice. Runs of base64 are
 * decoded elsewhere and end a run here.
 */
export function* opaqueRun(text: Buffer): Generator<void, boolean> {
  if (text.length <= MAX_BASE64_TOKEN_BYTES) return false;
  let start = 0;
  let base64 = 0;
  /** There is no blank between `start` and here. */
  let searched = 0;
  let slice = SLICE_BYTES;
  for (let at = 0; at <= text.length; at++) {
    if (at > slice) {
      slice = at + SLICE_BYTES;
      yield;
    }
    if (at === start) {
      // a blank within the length that is allowed ends every run before it
      const most = start + MAX_BASE64_TOKEN_BYTES;
      const last = lastBlank(text, Math.max(start, searched), most);
      searched = most + 1;
      if (last >= 0) {
        start = last + 1;
        searched = start;
        at = last;
        continue;
      }
    }
    const c = text[at];
    const blank = c === undefined || c === 0x20 || c === 0x09;
    const value = c === undefined ? -1 : (VALUES[c] as number);
    base64 = value >= 0 ? base64 + 1 : 0;
    if (!blank && base64 <= MIN_RUN) continue;
    const end = base64 > MIN_RUN ? at - MIN_RUN : at;
    if (end - start > MAX_BASE64_TOKEN_BYTES && isOpaque(text.subarray(start, end))) return true;
    while (base64 > 0 && at + 1 < text.length && (VALUES[text[at + 1] as number] as number) >= 0) at++;
    start = at + 1;
    base64 = 0;
  }
  return false;
}
