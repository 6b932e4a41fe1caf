import { mayBeginPnm } from './formats/text-images.ts';
import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  numberAt,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
} from './json-bytes.ts';
import { stringBytes, stringEnd } from './json-strings.ts';
import { MAX_DIGITS, MAX_JSON_DEPTH, MAX_PLAIN_NAME, MAX_ROOT_MEMBERS, MIN_TEXT_BYTES } from './limits.ts';
import { NotJson } from './not-json.ts';
import type { JsonPath } from './reading.ts';
import { Tensor } from './tensor.ts';

export { NotJson } from './not-json.ts';

/** Receives the values of a walk. Spans are offsets in the text, quotes included. */
export interface JsonSink {
  string(start: number, end: number, path: () => JsonPath): Iterable<void>;
  /** Values with fewer bytes are not passed to `string`; absent, every value is. */
  shortest?: number;
  /** A name that is long enough to contain an image. */
  name(start: number, end: number, path: () => JsonPath): Iterable<void>;
  /** A number, true, false or null. */
  scalar?(start: number, end: number, path: () => JsonPath): void;
  /** Called at the end of an array that contains only numbers and arrays of numbers. */
  tensor(tensor: Tensor, path: () => JsonPath, start: number, end: number): void;
  /** An array of strings alone has ended, or an object of numbers alone. */
  alike?(array: boolean, count: number, start: number, end: number, path: () => JsonPath): void;
  /** An array has ended. */
  array?(path: () => JsonPath, count: number): void;
  /** Called for what parsers read differently: a repeated name in the outermost object, or too many of them. */
  miss(why: string): void;
}

const LITERALS = ['true', 'false', 'null', 'NaN', 'Infinity', '-Infinity'].map((word) => Buffer.from(word));
/** Bytes between two interruptions. Short texts cost several hundred nanoseconds per byte, so larger slices would block the event loop. */
const SLICE = 8 * 1024;

interface Frame {
  array: boolean;
  start: number;
  /** Elements of the array so far. */
  count: number;
  /** Strings of an array, numbers of an object. */
  alike: number;
  keyStart: number;
  keyEnd: number;
  /** The name at `keyStart`, once it was asked for. */
  name: string | undefined;
  namedAt: number;
}

/** Walks one JSON text, or several with blanks between them, without building values. */
export class JsonWalk {
  readonly #text: Buffer;
  readonly #sink: JsonSink;
  readonly #stack: Frame[] = [];
  readonly #names = new Set<string>();
  #tensor: Tensor | undefined;
  #tensorDepth = 0;
  #values = 0;
  #several = false;

  constructor(text: Buffer, sink: JsonSink) {
    this.#text = text;
    this.#sink = sink;
  }

  readonly #path = (): JsonPath => this.#stack.map((f) => (f.array ? f.count : this.#nameOf(f)));

  #nameOf(frame: Frame): string {
    if (frame.name === undefined || frame.namedAt !== frame.keyStart) {
      frame.name = stringBytes(this.#text, frame.keyStart, frame.keyEnd).toString('utf8');
      frame.namedAt = frame.keyStart;
    }
    return frame.name;
  }

  /** @throws NotJson */
  *run(): Generator<void> {
    const text = this.#text;
    let at = this.#blanks(0);
    let slice = at + SLICE;
    while (at < text.length) {
      if (this.#stack.length === 0 && this.#values++ > 0) this.#several = true;
      // most values of large texts are numbers, so numbers take this path without a generator
      const c = text[at];
      const short = c === QUOTE ? this.#short(at) : 0;
      if (short > 0) at = short;
      else at = c === QUOTE || c === OPEN_ARRAY || c === OPEN_OBJECT ? yield* this.#value(at) : this.#scalar(at);
      at = this.#after(at);
      if (at > slice) {
        slice = at + SLICE;
        yield;
      }
    }
    if (this.#stack.length > 0 || this.#values === 0) throw new NotJson('it ends too early');
  }

  /** Whether the text contains several JSON texts (NDJSON), whose paths have no common meaning. */
  get several(): boolean {
    return this.#several;
  }

  /** The end of a string that is too short to be passed on; 0 for any other. Large texts have very many of them. */
  #short(at: number): number {
    const text = this.#text;
    const most = Math.min(at + (this.#sink.shortest ?? 0) - 1, text.length);
    for (let end = at + 1; end < most; end++) {
      const c = text[end];
      if (c === BACKSLASH) end++;
      else if (c === QUOTE) {
        this.#endTensor(at);
        this.#countString();
        return end + 1;
      }
    }
    return 0;
  }

  /** Begins a value; returns the offset of the next token. */
  *#value(at: number): Generator<void, number> {
    const text = this.#text;
    const c = text[at];
    if (c === QUOTE) {
      const end = stringEnd(text, at);
      this.#endTensor(at);
      this.#countString();
      yield* this.#sink.string(at, end, this.#path);
      return end;
    }
    if (c === OPEN_ARRAY || c === OPEN_OBJECT) {
      const frame = {
        array: c === OPEN_ARRAY,
        start: at,
        count: 0,
        alike: 0,
        keyStart: 0,
        keyEnd: 0,
        name: undefined,
        namedAt: -1,
      };
      if (this.#stack.length >= MAX_JSON_DEPTH) {
        throw new NotJson(`JSON nested more than ${MAX_JSON_DEPTH} deep`, true);
      }
      if (!frame.array) this.#endTensor(at);
      else if (this.#tensor) this.#tensor.open(this.#stack.length - this.#tensorDepth);
      else {
        this.#tensor = new Tensor();
        this.#tensorDepth = this.#stack.length;
      }
      this.#stack.push(frame);
      at = this.#blanks(at + 1);
      if (text[at] === (frame.array ? CLOSE_ARRAY : CLOSE_OBJECT)) return at;
      return frame.array ? yield* this.#value(at) : yield* this.#member(at);
    }
    return this.#scalar(at);
  }

  #countString(): void {
    const frame = this.#stack.at(-1);
    if (frame?.array) frame.alike++;
  }

  *#member(at: number): Generator<void, number> {
    const text = this.#text;
    const frame = this.#stack.at(-1) as Frame;
    if (text[at] !== QUOTE) throw new NotJson('a name is missing');
    frame.keyStart = at;
    frame.keyEnd = stringEnd(text, at);
    if (this.#stack.length === 1) this.#nameOnce(frame);
    if (this.#mayBeImage(at, frame.keyEnd)) yield* this.#sink.name(at, frame.keyEnd, this.#path);
    at = this.#blanks(frame.keyEnd);
    if (text[at] !== COLON) throw new NotJson('a colon is missing');
    return yield* this.#value(this.#blanks(at + 1));
  }

  /** Whether a name is long enough for an image, or is a short one that begins as PBM does, plain or in base64. */
  #mayBeImage(start: number, end: number): boolean {
    return (
      end - start > MAX_PLAIN_NAME || (end - start >= MIN_TEXT_BYTES && mayBeginPnm(this.#text[start + 1] as number))
    );
  }

  /** Reports a repeated name, because servers differ in which of the two members they use. */
  #nameOnce(frame: Frame): void {
    if (this.#several) return;
    const name = stringBytes(this.#text, frame.keyStart, frame.keyEnd).toString('utf8', 0, 256);
    if (this.#names.has(name)) this.#sink.miss('a name occurs twice in the outermost object');
    if (this.#names.size >= MAX_ROOT_MEMBERS)
      this.#sink.miss(`more than ${MAX_ROOT_MEMBERS} names in the outermost object`);
    else this.#names.add(name);
  }

  /** Handles the tokens after a value: ends of arrays and objects, or a comma. Iterative, so that depth costs no stack. */
  #after(at: number): number {
    const text = this.#text;
    for (;;) {
      at = this.#blanks(at);
      const frame = this.#stack.at(-1);
      if (!frame) return at;
      const c = text[at];
      if (c === (frame.array ? CLOSE_ARRAY : CLOSE_OBJECT)) {
        this.#close(frame, at + 1);
        at++;
        continue;
      }
      if (c !== COMMA) throw new NotJson('a comma is missing');
      frame.count++;
      at = this.#blanks(at + 1);
      if (frame.array) {
        if (text[at] === undefined) throw new NotJson('it ends too early');
        return at;
      }
      return this.#name(frame, at);
    }
  }

  /** Reads the name of a further member; returns the offset of its value. */
  #name(frame: Frame, at: number): number {
    const text = this.#text;
    if (text[at] !== QUOTE) throw new NotJson('a name is missing');
    frame.keyStart = at;
    frame.keyEnd = stringEnd(text, at);
    if (this.#stack.length === 1) this.#nameOnce(frame);
    if (this.#mayBeImage(at, frame.keyEnd)) for (const _ of this.#sink.name(at, frame.keyEnd, this.#path));
    at = this.#blanks(frame.keyEnd);
    if (text[at] !== COLON) throw new NotJson('a colon is missing');
    at = this.#blanks(at + 1);
    if (text[at] === undefined) throw new NotJson('it ends too early');
    return at;
  }

  #close(frame: Frame, end: number): void {
    this.#stack.pop();
    if (frame.alike === frame.count + 1) this.#sink.alike?.(frame.array, frame.alike, frame.start, end, this.#path);
    if (!frame.array) return;
    const empty = this.#blanks(frame.start + 1) === end - 1;
    const count = empty ? 0 : frame.count + 1;
    this.#sink.array?.(this.#path, count);
    if (!this.#tensor) return;
    this.#tensor.close(this.#stack.length - this.#tensorDepth, count);
    if (this.#stack.length === this.#tensorDepth) {
      this.#sink.tensor(this.#tensor, this.#path, frame.start, end);
      this.#tensor = undefined;
    }
  }

  #endTensor(at: number): void {
    const tensor = this.#tensor;
    if (!tensor) return;
    this.#tensor = undefined;
    if (tensor.leaves > 0) this.#sink.tensor(tensor, this.#path, (this.#stack[this.#tensorDepth] as Frame).start, at);
  }

  #scalar(start: number): number {
    const text = this.#text;
    const number = numberAt(text, start);
    let at = number.end;
    if (at > start) {
      if (at - start > MAX_DIGITS) this.#sink.miss('a number with very many digits');
      const frame = this.#stack.at(-1);
      if (frame && !frame.array) frame.alike++;
      else if (!this.#tensor && frame) {
        this.#tensor = new Tensor();
        this.#tensorDepth = this.#stack.length - 1;
      }
      this.#tensor?.leaf(number.integer, number.byte);
    } else {
      const word = LITERALS.find((w) => text.subarray(start, start + w.length).equals(w));
      if (!word) throw new NotJson('no JSON value');
      at = start + word.length;
    }
    this.#sink.scalar?.(start, at, this.#path);
    return at;
  }

  #blanks(at: number): number {
    const text = this.#text;
    for (let c = text[at]; c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09; c = text[++at]);
    return at;
  }
}
