import { mayBeginPnm } from './formats/text-images.ts';
import { CLOSE_ARRAY, CLOSE_OBJECT, COLON, COMMA, numberAt, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './json-bytes.ts';
import { type JsonPlace, memberPlace, NOWHERE } from './json-places.ts';
import { stringBytes, stringEnd } from './json-strings.ts';
import { MAX_DIGITS, MAX_JSON_DEPTH, MAX_PLAIN_NAME, MAX_ROOT_MEMBERS, MIN_TEXT_BYTES } from './limits.ts';
import { NotJson } from './not-json.ts';
import type { JsonPath } from './reading.ts';
import { Tensor } from './tensor.ts';

/**
 * Receives the values of a walk. Spans are offsets in the text, quotes included. `string` and `name` return nothing for a text that
 * needs no further steps: large texts have very many of these.
 */
export interface JsonSink {
  /** @param may whether an image may be expected at this place */
  string(start: number, end: number, path: () => JsonPath, may: boolean): Iterable<void> | undefined;
  /** A name that is long enough to contain an image. */
  name(start: number, end: number, path: () => JsonPath): Iterable<void> | undefined;
  /** A number, true, false or null at a place where an image may be expected. */
  scalar(start: number, end: number, path: () => JsonPath): void;
  /** Called at the end of an array that contains only numbers and arrays of numbers. The tensor is used again afterwards. */
  tensor(tensor: Tensor, path: () => JsonPath, start: number, end: number): void;
  /** An array of strings alone has ended, or an object of numbers alone. */
  alike(array: boolean, count: number, start: number, end: number, path: () => JsonPath): void;
  /** An array has ended that is inside `deepest` containers or fewer. */
  array(path: () => JsonPath, count: number): void;
  deepest: number;
  /** Called for what parsers read differently: a repeated name in the outermost object, or too many of them. */
  miss(why: string): void;
  /** Whether nothing that follows matters any more. */
  full(): boolean;
  /** The outermost place; none is expected anywhere without it. */
  root?: JsonPlace | undefined;
}

const LITERALS = ['true', 'false', 'null', 'NaN', 'Infinity', '-Infinity'].map((word) => Buffer.from(word));
/** Bytes between two interruptions. Short texts cost several hundred nanoseconds per byte, so larger slices would block the event loop. */
const SLICE = 8 * 1024;

/** An array or object that is open. The frames of a walk are used again, because large texts have very many containers. */
class Frame {
  array = false;
  start = 0;
  /** Elements of the array so far. */
  count = 0;
  /** Strings of an array, numbers of an object. */
  alike = 0;
  empty = false;
  keyStart = 0;
  keyEnd = 0;
  place = NOWHERE;
  /** The place of the value that comes next. */
  next = NOWHERE;
}

/** Walks one JSON text, or several with blanks between them, without building values. */
export class JsonWalk {
  readonly #text: Buffer;
  readonly #sink: JsonSink;
  readonly #frames: Frame[] = [];
  #depth = 0;
  readonly #names = new Set<string>();
  readonly #spare = new Tensor();
  #tensor: Tensor | undefined;
  #tensorDepth = 0;
  #values = 0;
  #several = false;

  constructor(text: Buffer, sink: JsonSink) {
    this.#text = text;
    this.#sink = sink;
  }

  readonly #path = (): JsonPath =>
    this.#frames.slice(0, this.#depth).map((f) => (f.array ? f.count : this.#nameOf(f).toString('utf8')));

  #nameOf = (frame: Frame): Buffer => stringBytes(this.#text, frame.keyStart, frame.keyEnd);

  /** @throws NotJson */
  *run(): Generator<void> {
    const text = this.#text;
    const sink = this.#sink;
    const root = sink.root ?? NOWHERE;
    let at = this.#blanks(0);
    let slice = at + SLICE;
    while (at < text.length) {
      const frame = this.#depth > 0 ? (this.#frames[this.#depth - 1] as Frame) : undefined;
      if (frame === undefined && this.#values++ > 0) this.#several = true;
      const place = frame === undefined ? root : frame.next;
      const c = text[at];
      if (c === QUOTE) {
        const end = stringEnd(text, at);
        this.#endTensor(at);
        if (frame?.array) frame.alike++;
        const steps = sink.string(at, end, this.#path, place.may);
        if (steps) yield* steps;
        at = this.#after(end);
      } else if (c === OPEN_ARRAY || c === OPEN_OBJECT) at = this.#open(at, c === OPEN_ARRAY, place);
      else at = this.#after(this.#scalar(at, place.may));
      // after a value, or at the beginning of an object, the name of a member comes next
      if (this.#named) {
        const steps = this.#name(at);
        if (steps) yield* steps;
        at = this.#colon();
      }
      if (at > slice) {
        if (sink.full()) return;
        slice = at + SLICE;
        yield;
      }
    }
    if (this.#depth > 0 || this.#values === 0) throw new NotJson('it ends too early');
  }

  /** Set if the next token is the name of a member. */
  #named = false;

  /** Begins an array or object; returns the offset of the next token, after its end if it is empty. */
  #open(start: number, array: boolean, place: JsonPlace): number {
    if (this.#depth >= MAX_JSON_DEPTH) throw new NotJson(`JSON nested more than ${MAX_JSON_DEPTH} deep`, true);
    if (!array) this.#endTensor(start);
    else if (this.#tensor) this.#tensor.open(this.#depth - this.#tensorDepth);
    else this.#beginTensor(this.#depth);
    if (this.#frames.length === this.#depth) this.#frames.push(new Frame());
    const frame = this.#frames[this.#depth++] as Frame;
    frame.array = array;
    frame.start = start;
    frame.count = 0;
    frame.alike = 0;
    frame.place = place;
    frame.next = place.element;
    const at = this.#blanks(start + 1);
    frame.empty = this.#text[at] === (array ? CLOSE_ARRAY : CLOSE_OBJECT);
    if (frame.empty) return this.#after(at);
    this.#named = !array;
    // a value must follow
    if (at >= this.#text.length) throw new NotJson('it ends too early');
    return at;
  }

  /** Reads the name of a member. */
  #name(at: number): Iterable<void> | undefined {
    const text = this.#text;
    const frame = this.#frames[this.#depth - 1] as Frame;
    if (text[at] !== QUOTE) throw new NotJson('a name is missing');
    frame.keyStart = at;
    frame.keyEnd = stringEnd(text, at);
    if (this.#depth === 1) this.#nameOnce(frame);
    frame.next = memberPlace(frame.place, text, at, frame.keyEnd);
    return this.#mayBeImage(at, frame.keyEnd) ? this.#sink.name(at, frame.keyEnd, this.#path) : undefined;
  }

  /** The offset of the value after the name that was read last. */
  #colon(): number {
    const text = this.#text;
    this.#named = false;
    const at = this.#blanks((this.#frames[this.#depth - 1] as Frame).keyEnd);
    if (text[at] !== COLON) throw new NotJson('a colon is missing');
    const value = this.#blanks(at + 1);
    if (value >= text.length) throw new NotJson('it ends too early');
    return value;
  }

  /** Whether the text contains several JSON texts (NDJSON), whose paths have no common meaning. */
  get several(): boolean {
    return this.#several;
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
    const name = this.#nameOf(frame).toString('utf8', 0, 256);
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
      if (this.#depth === 0) return at;
      const frame = this.#frames[this.#depth - 1] as Frame;
      const c = text[at];
      if (c === (frame.array ? CLOSE_ARRAY : CLOSE_OBJECT)) {
        this.#close(frame, at + 1);
        at++;
        continue;
      }
      if (c !== COMMA) throw new NotJson('a comma is missing');
      frame.count++;
      at = this.#blanks(at + 1);
      if (at >= text.length) throw new NotJson('it ends too early');
      this.#named = !frame.array;
      return at;
    }
  }

  #close(frame: Frame, end: number): void {
    this.#depth--;
    if (frame.alike === frame.count + 1) this.#sink.alike(frame.array, frame.alike, frame.start, end, this.#path);
    if (!frame.array) return;
    const count = frame.empty ? 0 : frame.count + 1;
    if (this.#depth <= this.#sink.deepest) this.#sink.array(this.#path, count);
    if (!this.#tensor) return;
    this.#tensor.close(this.#depth - this.#tensorDepth, count);
    if (this.#depth === this.#tensorDepth) {
      const tensor = this.#tensor;
      this.#tensor = undefined;
      this.#sink.tensor(tensor, this.#path, frame.start, end);
    }
  }

  #beginTensor(depth: number): Tensor {
    this.#spare.clear();
    this.#tensorDepth = depth;
    this.#tensor = this.#spare;
    return this.#spare;
  }

  #endTensor(at: number): void {
    const tensor = this.#tensor;
    if (!tensor) return;
    this.#tensor = undefined;
    if (tensor.leaves > 0) this.#sink.tensor(tensor, this.#path, (this.#frames[this.#tensorDepth] as Frame).start, at);
  }

  #scalar(start: number, may: boolean): number {
    const text = this.#text;
    const number = numberAt(text, start);
    let at = number.end;
    if (at > start) {
      if (at - start > MAX_DIGITS) this.#sink.miss('a number with very many digits');
      let tensor = this.#tensor;
      const frame = this.#depth > 0 ? this.#frames[this.#depth - 1] : undefined;
      if (frame && !frame.array) frame.alike++;
      else if (!tensor && frame) tensor = this.#beginTensor(this.#depth - 1);
      tensor?.leaf(number.integer, number.byte);
    } else {
      const word = LITERALS.find((w) => startsAt(text, start, w));
      if (!word) throw new NotJson('no JSON value');
      at = start + word.length;
    }
    if (may) this.#sink.scalar(start, at, this.#path);
    return at;
  }

  #blanks(at: number): number {
    const text = this.#text;
    for (let c = text[at]; c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09; c = text[++at]);
    return at;
  }
}

function startsAt(text: Buffer, at: number, word: Buffer): boolean {
  for (let i = 0; i < word.length; i++) if (text[at + i] !== word[i]) return false;
  return true;
}
