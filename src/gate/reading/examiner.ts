import { classify } from './classify.ts';
import { beginsAsPnm } from './formats/text-images.ts';
import { ANYWHERE, type JsonPlace } from './json-places.ts';
import { stringBytes } from './json-strings.ts';
import { type JsonSink, JsonWalk } from './json-walk.ts';
import { MAX_LAYERS, MAX_TOKEN_BYTES, MIN_LONG_TEXT_BYTES, MIN_SIDE, MIN_TEXT_BYTES } from './limits.ts';
import { jsonLines } from './lines.ts';
import { NotJson } from './not-json.ts';
import { bytesOf } from './number-lists.ts';
import { quotedStrings, stringLists } from './quoted-strings.ts';
import type { At, JsonPath, Reading, Steps, Where } from './reading.ts';
import { imageInWords, inLooseMembers, inStrings, spread } from './spread.ts';
import type { Tensor } from './tensor.ts';
import type { Deeper, TextOptions } from './text-options.ts';
import { TextValue } from './text-value.ts';
import { textAfter } from './trailer.ts';

/** The places at which a protocol expects images. */
export interface Expectation {
  /** Whether an image is expected at a place. A value there that is no image counts as an unreadable one. */
  expects?: ((where: Where) => boolean) | undefined;
  /** The outermost place of a JSON body. Without it `expects` is asked for every value. */
  readonly root?: JsonPlace | undefined;
  /** Called at the end of every array of a JSON body whose path has `deepest` pieces or fewer. */
  array?(path: JsonPath, count: number): void;
  readonly deepest?: number;
}

/** Whether a JSON string is long enough for an image. Very many are not, so the test comes before any object is made. */
const mayContain = (text: Buffer, start: number, end: number) =>
  end - start >= MIN_LONG_TEXT_BYTES + 2 || (end - start >= MIN_TEXT_BYTES + 2 && beginsAsPnm(text[start + 1]));

/** Examines content until every byte of it is accounted for. */
export class Examiner {
  readonly #reading: Reading;
  readonly #expectation: Expectation;

  constructor(reading: Reading, expectation: Expectation) {
    this.#reading = reading;
    this.#expectation = expectation;
  }

  /** Examines a body, a part of a form, or unpacked content. @param layer 0 for the body itself */
  *content(bytes: Buffer, at: At, layer: number, options: TextOptions = {}): Steps {
    if (bytes.length === 0) return;
    const reading = this.#reading;
    reading.spend(bytes.length);
    if (layer > MAX_LAYERS) return reading.miss(at().place, `content in more than ${MAX_LAYERS} layers`);
    const content = classify(bytes);
    yield;
    const before = reading.mark();
    if (content.kind === 'image') {
      if (content.format.kind === 'judged') {
        reading.found({ ...at(), bytes });
        yield* this.#trailer(bytes, at, layer);
      } else reading.miss(at().place, `an image in a format that is not judged (${content.format.name})`);
    } else if (content.kind === 'archive') reading.miss(at().place, `packed content (${content.name})`);
    else if (content.kind === 'text') yield* this.document(bytes, at, layer, options);
    // a reader of lines skips the bytes of a file and finds JSON behind them
    else if (content.kind === 'media' && layer < MAX_LAYERS) yield* this.#lines(bytes, at, layer + 1);
    else if (content.kind === 'wide') yield* this.#wide(bytes, content.text, at, layer);
    else if (content.kind === 'unknown' && bytes.length > MAX_TOKEN_BYTES)
      reading.miss(at().place, 'bytes of an unknown kind');
    this.#disappoint(at, bytes, before);
  }

  /** Examines the text after the end of an image. */
  *#trailer(image: Buffer, at: At, layer: number): Steps {
    const text = textAfter(image);
    if (!text || layer >= MAX_LAYERS) return;
    const place = () => ({ place: `${at().place}, after the image` });
    yield* this.document(text, place, layer + 1);
  }

  /** Examines text in UTF-16 or UTF-32, and its bytes as a decoder of base64 sees them that skips zeros. */
  *#wide(bytes: Buffer, text: Buffer, at: At, layer: number): Steps {
    yield* this.document(text, at, layer);
    const narrow = bytes.filter((byte) => byte !== 0);
    if (text.equals(narrow) || layer >= MAX_LAYERS) return;
    const before = this.#reading.pictures.length;
    yield* this.document(Buffer.from(narrow), at, layer + 1);
    this.#reading.forgetRepeated(before);
  }

  /** Reports an expected image whose bytes are missing or of an unknown kind. */
  #disappoint(at: At, bytes: Buffer | undefined, before: ReturnType<Reading['mark']>): void {
    const { expects } = this.#expectation;
    const reading = this.#reading;
    if (!expects || reading.pictures.length > before.pictures || reading.unexaminedPlaces > before.places) return;
    const where = at();
    if (expects(where)) reading.found({ ...where, bytes });
  }

  /** Examines a text: as JSON if it is valid, else as plain text. */
  *document(text: Buffer, at: At, layer: number, options: TextOptions = {}): Steps {
    const plain = text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? text.subarray(3) : text;
    let first = 0;
    while (first < plain.length && (plain[first] as number) <= 0x20) first++;
    const c = plain[first];
    let broken = c === 0x2f || c === 0x27;
    if (c === 0x7b || c === 0x5b || c === 0x22) {
      const mark = this.#reading.mark();
      try {
        return yield* this.#json(plain, at, layer);
      } catch (error) {
        if (!(error instanceof NotJson)) throw error;
        this.#reading.reset(mark);
        if (error.undecided) return this.#reading.miss(at().place, error.message);
        broken = true;
      }
    }
    const deeper: Deeper = (bytes, where, inner) => this.#deeper(bytes, where, layer + 1, inner);
    yield* new TextValue(this.#reading, plain, at, deeper, options).examine();
    if (layer >= MAX_LAYERS) return;
    yield* this.#quoted(plain, at, layer + 1, broken);
    yield* this.#lines(plain, at, layer + 1);
  }

  /** Examines lines of JSON in a text that is not JSON as a whole, because readers of NDJSON skip broken lines. */
  *#lines(text: Buffer, at: At, layer: number): Steps {
    const before = this.#reading.pictures.length;
    for (const line of jsonLines(text)) {
      const mark = this.#reading.mark();
      this.#reading.spend(line.length);
      try {
        yield* this.#json(line, at, layer);
      } catch (error) {
        if (!(error instanceof NotJson)) throw error;
        this.#reading.reset(mark);
        if (error.undecided) this.#reading.miss(at().place, error.message);
      }
    }
    this.#reading.forgetRepeated(before);
  }

  /** Examines the strings of a text that is not JSON but that more tolerant parsers (JSON5) may read as such. */
  *#quoted(text: Buffer, at: At, layer: number, broken: boolean): Steps {
    const before = this.#reading.pictures.length;
    // apostrophes of a sentence enclose no value
    for (const string of quotedStrings(text, broken)) {
      if (string) yield* this.document(string, at, layer);
      yield;
    }
    this.#reading.forgetRepeated(before);
    if (!broken) return;
    let why = inLooseMembers(text);
    for (const list of stringLists(text, broken)) {
      why ??= inStrings(list);
      yield;
    }
    if (why !== undefined) this.#reading.miss(at().place, why);
  }

  /** Examines decoded content. It has the place of the encoded text; only text is examined further. */
  *#deeper(bytes: Buffer, at: At, layer: number, options?: TextOptions): Steps {
    const reading = this.#reading;
    const nested: At = () => {
      const { path: _, ...where } = at();
      return where;
    };
    if (layer > MAX_LAYERS) return reading.miss(at().place, `content in more than ${MAX_LAYERS} layers`);
    const content = classify(bytes);
    if (content.kind === 'image') reading.miss(at().place, `an image behind escapes (${content.format.name})`);
    else if (content.kind === 'text') yield* this.document(bytes, nested, layer, options);
  }

  /** @throws NotJson */
  *#json(text: Buffer, at: At, layer: number): Steps {
    const reading = this.#reading;
    const body = layer === 0;
    const { array, expects, root = ANYWHERE, deepest = Number.POSITIVE_INFINITY } = this.#expectation;
    const located =
      (path: () => JsonPath): At =>
      () => {
        const outer = at();
        const found = path();
        // computed on demand, because an adapter that asks for every value needs the path alone
        const where = {
          ...outer,
          get place() {
            return `${outer.place}${found.map((p) => `/${p}`).join('')}`;
          },
        };
        return body ? Object.assign(where, { path: found }) : where;
      };
    const sink: JsonSink = {
      string: (start, end, path, may) =>
        !may && !mayContain(text, start, end)
          ? undefined
          : this.#jsonString(text, start, end, located(path), layer + 1),
      name: (start, end, path) => this.document(stringBytes(text, start, end), located(path), layer + 1),
      scalar: (start, end, path) => {
        if (text.toString('latin1', start, end) !== 'null') this.#disappoint(located(path), undefined, reading.mark());
      },
      tensor: (tensor, path, start, end) => this.#tensor(tensor, text, start, end, located(path)),
      alike: (array, count, start, end, path) => {
        const why = spread(text, start, end, array, count);
        if (why !== undefined) reading.miss(located(path)().place, why);
      },
      miss: (why) => reading.miss(at().place, why),
      full: () => reading.full,
      array: (path, count) => array?.call(this.#expectation, path(), count),
      deepest: body && array ? deepest : -1,
      root: body && expects ? root : undefined,
    };
    yield* new JsonWalk(text, sink).run();
  }

  *#jsonString(text: Buffer, start: number, end: number, at: At, layer: number): Steps {
    const before = this.#reading.mark();
    if (mayContain(text, start, end)) yield* this.document(stringBytes(text, start, end), at, layer);
    if (layer === 1) this.#disappoint(at, undefined, before);
  }

  /** Reports an array of numbers that may be the bytes of a file or pixels. */
  #tensor(tensor: Tensor, whole: Buffer, start: number, end: number, at: At): void {
    const reading = this.#reading;
    const { format } = tensor;
    const words = format || tensor.bytes ? undefined : imageInWords(whole, start, end);
    if (words !== undefined) {
      reading.miss(at().place, words);
      return;
    }
    if (!format && tensor.leaves < MIN_SIDE * MIN_SIDE) return;
    const text = whole.subarray(start, end);
    if (format?.kind === 'judged' && tensor.shape.length === 1 && text.at(-1) === 0x5d) {
      reading.found({ ...at(), bytes: bytesOf(text, tensor.leaves) });
      return;
    }
    const { path } = at();
    const batch = path?.length === 1 && (path[0] === 'instances' || path[0] === 'inputs');
    const why = format ? `an image as numbers (${format.name})` : tensor.pixels(batch);
    if (why) reading.miss(at().place, why);
  }
}
