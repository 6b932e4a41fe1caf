import { base64Form, decodeBase64, prefixOf, READINGS, VALUES } from './base64.ts';
import { type Content, classify } from './classify.ts';
import { embedded } from './embedded.ts';
import { enclosed } from './enclosed.ts';
import { unescapeBackslash, unescapeEntities, unescapePercent, unescapeQuotedPrintable } from './escapes.ts';
import { imageFormat } from './formats/image-format.ts';
import { headerHolds } from './formats/plausible.ts';
import { smallImage } from './formats/small-images.ts';
import { beginsAsPnm } from './formats/text-images.ts';
import { imageInLines } from './in-lines.ts';
import { endingsOf, lenientImage, readingsOf, startsOf } from './lenient.ts';
import {
  HEAD_CHARACTERS,
  MAX_BASE64_TOKEN_BYTES,
  MAX_TEXT_CONTROLS,
  MAX_TOKEN_BYTES,
  MIN_LONG_TEXT_BYTES,
  MIN_TEXT_BYTES,
  SLICE_BYTES,
} from './limits.ts';
import { numberLists } from './number-lists.ts';
import { isOpaque, opaqueRun } from './opaque.ts';
import { otherEncoding } from './other-encodings.ts';
import { CHECKED, type Unpacked, unpacked } from './packed.ts';
import { rareEncodings } from './rare.ts';
import type { At, Reading, Steps } from './reading.ts';
import { isStrong, startsIn } from './scan.ts';
import type { Deeper, TextOptions } from './text-options.ts';
import { characters, hexadecimal, MAX_HEAD, MIN_RUN, mixed, printable, printed, surveyOf } from './text-shapes.ts';
import { isVector } from './vector.ts';

const PERCENT = 0x25;
const IMAGE_URL = /^\s*data:image\/svg[^,]{0,40},/i;
/** Contents of a text that are compared with each other. */
const MAX_COMPARED = 8;
const OPAQUE = 'a long text in an encoding that is not undone';

/** A text that is one value: a string of JSON, a field of a form, a text body that is not JSON. */
export class TextValue {
  readonly #reading: Reading;
  readonly #text: Buffer;
  readonly #at: At;
  readonly #deeper: Deeper;
  readonly #options: TextOptions;
  readonly #examined: { bytes: Buffer; measured: boolean }[] = [];

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
    const format = imageFormat(text.subarray(0, MAX_HEAD)) ?? imageFormat(characters(text));
    if (format) return this.#miss(`an image as text (${format.name})`);
    const form = base64Form(text);
    if (form === 'standard' || form === 'url') {
      // hexadecimal is tested first, because its digits are also characters of base64
      const hex = hexadecimal(text);
      if (hex) yield* this.#hexadecimal(hex, text);
      yield* this.#rare();
      return yield* this.#base64(text, form);
    }
    const survey = surveyOf(text);
    if (survey.controls > MAX_TEXT_CONTROLS) return this.#miss('bytes of an unknown kind as characters');
    if (yield* this.#dataUrl()) return;
    if (IMAGE_URL.test(text.toString('latin1', 0, 64))) return this.#miss('a data URL of an image that is not base64');
    const handled = yield* this.#pieces(survey.longest);
    for (const list of numberLists(text)) {
      if (list) return this.#miss(`an image as numbers (${list.name})`);
      if (text.length > SLICE_BYTES) yield;
    }
    yield* this.#lenient(handled, survey.dense);
    for (const encoding of otherEncoding(text, survey.longest)) {
      if (encoding !== undefined) return this.#miss(`an image in ${encoding}`);
      yield;
    }
    yield* this.#rare();
    for (const why of imageInLines(text)) {
      if (why !== undefined) return this.#miss(why);
      yield;
    }
    // the fields of a form are examined one by one
    const measured = this.#options.plusIsBlank || this.#options.unescaped;
    if (!measured && (yield* opaqueRun(text))) return this.#miss(OPAQUE);
    for (const undo of [unescapePercent, unescapeBackslash, unescapeEntities, unescapeQuotedPrintable]) {
      const plain = undo(text);
      if (plain) yield* this.#inside(plain, this.#at, { unescaped: true });
    }
  }

  /** Examines content of a layer of encoding once, because several decoders may find the same. */
  *#inside(bytes: Buffer, at: At, options: TextOptions = {}): Steps {
    for (const { bytes: other, measured } of this.#examined)
      if ((measured || options.unescaped) && other.equals(bytes)) return;
    if (this.#examined.length < MAX_COMPARED) this.#examined.push({ bytes, measured: !options.unescaped });
    yield* this.#deeper(bytes, at, options);
  }

  #miss(why: string): void {
    this.#reading.miss(this.#at().place, why);
  }

  /** Examines the bytes of hexadecimal digits. */
  *#hexadecimal(bytes: Buffer, text: Buffer): Steps {
    const content = classify(bytes);
    if (content.kind === 'image') return this.#miss(`an image in hexadecimal (${content.format.name})`);
    // a long number or a mask of zeros and ones is no binary
    const head = text.toString('latin1', 0, 4096);
    yield* this.#binary(bytes, content, 'hexadecimal', /\d/.test(head) && /[a-f]/i.test(head));
  }

  /** Examines bytes that are no image. @param noisy whether their text has all kinds of characters, as encoded bytes have */
  *#binary(bytes: Buffer, content: Content, how: string, noisy: boolean): Steps {
    if (content.kind === 'text') return yield* this.#inside(bytes, this.#at);
    if (content.kind === 'wide') return yield* this.#inside(content.text, this.#at);
    if (content.kind === 'media') return;
    // packed bytes are short, and the limit on the work for a body holds for what they contain
    const packed = noisy || content.kind === 'archive' ? unpacked(bytes) : undefined;
    if (packed) return yield* this.#packed(packed, how);
    if (content.kind === 'archive') return this.#miss(`packed content in ${how} (${content.name})`);
    const inside = embedded(bytes);
    if (inside !== undefined) return this.#miss(`an image inside bytes in ${how} (${inside})`);
    if (bytes.length > MAX_BASE64_TOKEN_BYTES && noisy && !isVector(bytes))
      this.#miss(`${bytes.length} bytes of an unknown kind in ${how}`);
  }

  *#packed({ name, bytes }: Unpacked, how: string): Steps {
    if (!bytes) return this.#miss(`packed content in ${how} (${name})`);
    this.#reading.spend(bytes.length);
    const content = classify(bytes);
    if (content.kind === 'text') return yield* this.#inside(bytes, this.#at);
    if (content.kind === 'image') this.#miss(`an image in packed content (${content.format.name})`);
    // noise unpacks to noise in the formats without a checksum
    else if (content.kind === 'unknown' && !CHECKED.has(name)) return;
    else if (content.kind !== 'media' && bytes.length > MAX_TOKEN_BYTES)
      this.#miss(`packed content in ${how} (${name})`);
  }

  /** Examines the text as rarer encodings: base85, base32, numbers between separators and others. */
  *#rare(): Steps {
    for (const found of rareEncodings(this.#text)) {
      if ('why' in found) return this.#miss(found.why);
      if ('text' in found) yield* this.#inside(found.text, this.#at);
      else yield* this.#packed(found.packed, found.name);
    }
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
    if (content.kind === 'unknown' && this.#damaged(bytes)) return;
    const noisy = mixed(text);
    yield* this.#binary(bytes, content, 'base64', noisy);
    // the alphabets of base32 and base36 lack capitals or small letters
    if (!noisy && content.kind === 'unknown' && bytes.length > MAX_BASE64_TOKEN_BYTES && isOpaque(text))
      this.#miss(OPAQUE);
  }

  /** Examines the bytes that a decoder gets that skips the two characters of the URL-safe alphabet. */
  *#skipped(text: Buffer): Steps {
    const values = READINGS[1] as Int8Array;
    const bytes = prefixOf(text, 0, { values, characters: text.length, skip: text.length });
    const content = classify(bytes);
    if (content.kind === 'image' && headerHolds(bytes, content.format.name))
      this.#miss('base64 that decoders take for different images');
    else if (content.kind === 'text' && bytes.length >= MIN_TEXT_BYTES) yield* this.#inside(bytes, this.#at);
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
  *#pieces(longest: number): Generator<void, ReadonlySet<number>> {
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
    if (longest >= MIN_RUN) yield* this.#runs(new Set(handled));
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
      const bytes = hexadecimal(run) ?? decodeBase64(run);
      const content = classify(bytes);
      if (content.kind === 'image') this.#miss(`an image in base64 that does not stand alone (${content.format.name})`);
      // a run that an escape of a URL cuts is examined without its escapes
      else if (text[at] !== PERCENT) yield* this.#binary(bytes, content, 'base64', mixed(run));
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
    if (!enclosed(text, start, end) || base64Form(run) !== 'standard') return false;
    if (this.#options.plusIsBlank && run.includes('+')) return false;
    const bytes = decodeBase64(run);
    if (imageFormat(bytes)?.kind !== 'judged') return false;
    this.#reading.spend(run.length);
    this.#reading.found({ ...this.#at(), bytes });
    return true;
  }

  /** Reports images that a decoder would see that skips other characters, from the start or after the first or last comma. */
  *#lenient(handled: ReadonlySet<number>, dense: boolean): Steps {
    const text = this.#text;
    const readings = readingsOf(text);
    for (const start of startsOf(text)) {
      let first = start;
      while (first < text.length && (VALUES[text[first] as number] as number) < 0) first++;
      if (handled.has(first)) continue;
      for (const piece of endingsOf(text, start))
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
      yield* this.#inside(printed(decode(text.length)), this.#at);
    else if (this.#damaged(head)) return true;
    else if (dense) {
      const packed = unpacked(head);
      if (packed) yield* this.#packed(packed, 'base64 with other characters in it');
    }
    return format !== undefined;
  }

  /** Reports an image in base64 of base64 whose outer layer is damaged. */
  #damaged(bytes: Buffer): boolean {
    const format = lenientImage(bytes);
    if (format !== undefined) this.#miss(`an image in damaged base64 of base64 (${format})`);
    return format !== undefined;
  }
}
