import { inflateSync } from 'node:zlib';
import { base64Form, decodeBase64, prefixOf, READINGS, VALUES } from './base64.ts';
import { classify, controls } from './classify.ts';
import { unescapeBackslash, unescapeEntities, unescapePercent } from './escapes.ts';
import { imageFormat } from './formats/image-format.ts';
import { headerHolds } from './formats/plausible.ts';
import { smallImage } from './formats/small-images.ts';
import { beginsAsPnm } from './formats/text-images.ts';
import {
  HEAD_CHARACTERS,
  MAX_BASE64_TOKEN_BYTES,
  MAX_TEXT_CONTROLS,
  MIN_LONG_TEXT_BYTES,
  MIN_TEXT_BYTES,
  SLICE_BYTES,
} from './limits.ts';
import { numberLists } from './number-lists.ts';
import { otherEncoding } from './other-encodings.ts';
import type { At, Reading, Steps } from './reading.ts';
import { isStrong, startsIn } from './scan.ts';

export interface TextOptions {
  /** In forms a plus sign means a blank, so the server would decode base64 with plus signs to other bytes. */
  plusIsBlank?: boolean;
}

/** Examines the content of a layer of encoding. */
export type Deeper = (bytes: Buffer, at: At) => Steps;

/** A text that is one value: a string of JSON, a field of a form, a text body that is not JSON. */
export class TextValue {
  readonly #reading: Reading;
  readonly #text: Buffer;
  readonly #at: At;
  readonly #deeper: Deeper;
  readonly #options: TextOptions;

  constructor(reading: Reading, text: Buffer, at: At, deeper: Deeper, options: TextOptions = {}) {
    this.#reading = reading;
    this.#text = text;
    this.#at = at;
    this.#deeper = deeper;
    this.#options = options;
  }

  *examine(): Steps {
    const text = this.#text;
    if (text.length < MIN_TEXT_BYTES || this.#reading.full) return;
    if (text.length < MIN_LONG_TEXT_BYTES && !beginsAsPnm(text[0])) return;
    this.#reading.spend(text.length);
    if (text.length > SLICE_BYTES) yield;
    // digits and line breaks are also characters of base64
    const format = imageFormat(characters(text));
    if (format) return this.#miss(`an image as text (${format.name})`);
    const form = base64Form(text);
    if (form === 'standard' || form === 'url') {
      // hexadecimal is tested first, because its digits are also characters of base64
      const hex = hexadecimal(text);
      if (hex && classify(hex).kind === 'image') return this.#miss('an image in hexadecimal');
      return yield* this.#base64(text, form);
    }
    if (controls(text) > MAX_TEXT_CONTROLS) return this.#miss('bytes of an unknown kind as characters');
    if (yield* this.#dataUrl()) return;
    const handled = yield* this.#pieces();
    for (const list of numberLists(text)) {
      if (list) return this.#miss(`an image as numbers (${list.name})`);
      if (text.length > SLICE_BYTES) yield;
    }
    yield* this.#lenient(handled);
    for (const encoding of otherEncoding(text)) {
      if (encoding !== undefined) return this.#miss(`an image in ${encoding}`);
      yield;
    }
    for (const undo of [unescapePercent, unescapeBackslash, unescapeEntities]) {
      const plain = undo(text);
      if (plain) yield* this.#deeper(plain, this.#at);
    }
  }

  #miss(why: string): void {
    this.#reading.miss(this.#at().place, why);
  }

  /** Examines a text that is entirely base64. */
  *#base64(text: Buffer, form: 'standard' | 'url'): Steps {
    const bytes = decodeBase64(text);
    if (form === 'url') yield* this.#skipped(text);
    const content = classify(bytes);
    if (content.kind === 'image') {
      if (this.#options.plusIsBlank && text.includes('+'))
        return this.#miss('base64 with plus signs in a form, where they are blanks');
      if (content.format.kind === 'judged') return this.#reading.found({ ...this.#at(), bytes });
      return this.#miss(`an image in a format that is not judged (${content.format.name})`);
    }
    if (content.kind === 'archive') return this.#miss(`packed content in base64 (${content.name})`);
    if (content.kind === 'text') return yield* this.#deeper(bytes, this.#at);
    if (content.kind === 'wide') return yield* this.#deeper(content.text, this.#at);
    if (content.kind === 'media') return;
    const inflated = inflate(bytes);
    if (inflated) return this.#miss('packed content in base64 (zlib)');
    if (bytes.length > MAX_BASE64_TOKEN_BYTES && mixed(text))
      this.#miss(`${bytes.length} bytes of an unknown kind in base64`);
  }

  /** Examines the bytes that a decoder gets that skips the two characters of the URL-safe alphabet. */
  *#skipped(text: Buffer): Steps {
    const values = READINGS[1] as Int8Array;
    const bytes = prefixOf(text, 0, { values, characters: text.length, skip: text.length });
    const content = classify(bytes);
    if (content.kind === 'image' && headerHolds(bytes, content.format.name))
      this.#miss('base64 that decoders take for different images');
    else if (content.kind === 'text' && bytes.length >= MIN_TEXT_BYTES) yield* this.#deeper(bytes, this.#at);
  }

  /** Examines a text that is entirely `data:image/png;base64,...`. Returns false for any other text. */
  *#dataUrl(): Generator<void, boolean> {
    const text = this.#text;
    const comma = text.indexOf(',');
    if (comma < 5 || comma > 256 || !/^\s*data:/i.test(text.toString('latin1', 0, comma))) return false;
    const payload = text.subarray(comma + 1);
    if (!/;\s*base64\s*$/i.test(text.toString('latin1', 0, comma))) return false;
    const form = base64Form(payload);
    if (form !== 'standard' && form !== 'url') return false;
    yield* this.#base64(payload, form);
    return true;
  }

  /** Finds base64 of images inside a longer text; judges it if it is alone between quotes or brackets. Returns offsets. */
  *#pieces(): Generator<void, ReadonlySet<number>> {
    const text = this.#text;
    const handled = new Set<number>();
    let inside = false;
    for (let from = 0; from < text.length && !this.#reading.full; from += SLICE_BYTES) {
      inside = startsIn(text, from, Math.min(text.length, from + SLICE_BYTES), inside, ({ at, format }) => {
        if (this.#reading.full) return;
        handled.add(at);
        if (!this.#piece(at)) this.#miss(`an image in base64 that does not stand alone (${format})`);
      });
      if (text.length > SLICE_BYTES) yield;
    }
    yield* this.#runs(new Set(handled));
    return handled;
  }

  /** Decodes long runs of base64 completely, because some formats are not recognisable by their first bytes. */
  *#runs(handled: Set<number>): Steps {
    const text = this.#text;
    let slice = SLICE_BYTES;
    for (let at = 0; at < text.length && !this.#reading.full; at++) {
      if (at > slice) {
        slice = at + SLICE_BYTES;
        yield;
      }
      const start = at;
      while (at < text.length && (VALUES[text[at] as number] as number) >= 0) at++;
      if (at - start < MIN_RUN || handled.has(start)) continue;
      handled.add(start);
      const run = text.subarray(start, at);
      const content = classify(hexadecimal(run) ?? decodeBase64(run));
      if (content.kind === 'image') this.#miss(`an image in base64 that does not stand alone (${content.format.name})`);
      if (content.kind === 'archive') this.#miss(`packed content in base64 (${content.name})`);
      if (content.kind === 'text') yield* this.#deeper(decodeBase64(run), this.#at);
      yield;
    }
  }

  /** Judges base64 that begins at `start` if its end is unambiguous. */
  #piece(start: number): boolean {
    const text = this.#text;
    let end = start;
    while (end < text.length && (VALUES[text[end] as number] as number) >= 0) end++;
    const run = text.subarray(start, end);
    while (text[end] === 0x3d) end++;
    const marked = /;base64,$/i.test(text.toString('latin1', Math.max(0, start - 8), start));
    const opened = start === 0 || marked || OPENING.has(text[start - 1] as number);
    const closed = end === text.length || CLOSING.has(text[end] as number) || (marked && text[end] === 0x20);
    const form = base64Form(run);
    if (!opened || !closed || form !== 'standard') return false;
    if (this.#options.plusIsBlank && run.includes('+')) return false;
    const bytes = decodeBase64(run);
    if (imageFormat(bytes)?.kind !== 'judged') return false;
    this.#reading.spend(run.length);
    this.#reading.found({ ...this.#at(), bytes });
    return true;
  }

  /** Reports images that a decoder would see that skips other characters, from the start or after the first or last comma. */
  *#lenient(handled: ReadonlySet<number>): Steps {
    const text = this.#text;
    const dense = mostlyBase64(text);
    const readings = readingsOf(text);
    const starts = new Set([0, text.indexOf(',') + 1, text.lastIndexOf(',') + 1]);
    for (const start of starts) {
      let first = start;
      while (first < text.length && (VALUES[text[first] as number] as number) < 0) first++;
      if (handled.has(first)) continue;
      // some decoders end at the first padding, others skip it
      const padding = text.indexOf(0x3d, start);
      const rest = text.subarray(start);
      const pieces = padding < 0 ? [rest] : [rest, text.subarray(start, padding)];
      for (const piece of pieces)
        for (const values of readings) {
          if (yield* this.#decoded(piece, values, dense)) return;
        }
    }
  }

  /** Examines a text as a decoder reads it that skips all characters without a value. Returns true after an image. */
  *#decoded(text: Buffer, values: Int8Array, dense: boolean): Generator<void, boolean> {
    const decode = (characters: number) => prefixOf(text, 0, { values, characters, skip: text.length });
    const head = decode(dense ? text.length : HEAD_CHARACTERS);
    const found = imageFormat(head);
    const format = found && !dense && !isStrong(found.name) ? smallImage(decode(text.length)) : found?.name;
    if (format) this.#miss(`an image in base64 with other characters in it (${format})`);
    else if (head.length >= MIN_TEXT_BYTES && printable(head))
      yield* this.#deeper(printed(decode(text.length)), this.#at);
    return format !== undefined;
  }
}

/** The readings of the alphabets that can differ for a text. */
function readingsOf(text: Buffer): Int8Array[] {
  const skipping = [text.includes('-') || text.includes('_'), text.includes('+') || text.includes('/')];
  return READINGS.filter((_, i) => i === 0 || skipping[i - 1]);
}

/** The same bytes with a mark, which decoders skip, for all that is no character of ASCII. */
const printed = (data: Buffer) => Buffer.from(data.map((c) => (c > 0x7e || c < 0x20 ? 0x21 : c)));

/** Whether bytes are characters of ASCII, as encoded base64 and JSON are; those of a decoded sentence are not. */
function printable(data: Uint8Array): boolean {
  for (const c of data) if (c > 0x7e || (c < 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09)) return false;
  return true;
}

const OPENING = new Set(Buffer.from('"\'`<>()[]{}=\n'));
const CLOSING = new Set(Buffer.from('"\'`<>()[]{}&\r\n\\'));

/** Characters up to U+00FF as bytes, for texts that a program made from bytes as Latin-1; else the text unchanged. */
function characters(text: Buffer): Buffer {
  const head = text.subarray(0, 4200);
  if (
    (head[0] as number) < 0x80 &&
    (head[1] as number) < 0x80 &&
    (head[2] as number) < 0x80 &&
    (head[3] as number) < 0x80
  )
    return head;
  const source = head.toString('utf8').slice(0, 2100);
  for (let i = 0; i < source.length; i++)
    if (source.charCodeAt(i) > 255) return Buffer.from(source.slice(0, i), 'latin1');
  return Buffer.from(source, 'latin1');
}

/** Shortest run of base64 in a text that is decoded; words are shorter. */
const MIN_RUN = 96;

/** The bytes of a text that consists of hexadecimal digits. */
function hexadecimal(text: Buffer): Buffer | undefined {
  if (text.length < 36 || text.length % 2 !== 0) return undefined;
  if (!/^[0-9a-fA-F]+$/.test(text.toString('latin1', 0, 64))) return undefined;
  const bytes = Buffer.from(text.toString('latin1'), 'hex');
  return bytes.length * 2 === text.length ? bytes : undefined;
}

/** Whether a text is base64 except for a few characters. */
function mostlyBase64(text: Buffer): boolean {
  if (text.length < MIN_RUN) return false;
  let others = 0;
  for (const c of text) if ((VALUES[c] as number) < 0) others++;
  return others * 50 < text.length;
}

/** Whether capitals, small letters and digits all occur, as in encoded bytes; long words and sequences lack some. */
function mixed(text: Buffer): boolean {
  const head = text.toString('latin1', 0, 4096);
  return /[a-z]/.test(head) && /[A-Z]/.test(head) && /\d/.test(head);
}

/** Whether bytes are the beginning of a zlib stream. */
function inflate(bytes: Buffer): boolean {
  if (bytes.length < 16 || ((bytes[0] as number) & 15) !== 8 || bytes.readUInt16BE(0) % 31 !== 0) return false;
  try {
    return inflateSync(bytes, { maxOutputLength: 1 << 20 }).length > 0;
  } catch (error) {
    return (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE';
  }
}
