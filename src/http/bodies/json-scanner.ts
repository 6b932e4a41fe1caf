/** Nesting of JSON that is read: the deepest request has seven levels. */
export const MOST_DEPTH = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
/** [ and {, ] and } differ in one bit only. */
const OPEN = 0x5b;
const CLOSE = 0x5d;
const SQUARE_OR_CURLY = ~0x20;

export type Excess = 'values' | 'depth' | 'text';

/**
 * Counts what a JSON text would become when it is parsed, without parsing it: a body of twenty megabytes can hold ten million
 * numbers, and each of them takes more memory as a value than as text. Reads the text chunk by chunk as it arrives, so that it is
 * refused at the first value too many. Says nothing about texts that are not JSON; the parser does.
 */
export class JsonScanner {
  readonly #maxValues: number;
  readonly #maxText: number;
  #text = 0;
  #values = 1;
  #depth = 0;
  #inString = false;
  /** The chunk before ended with an odd number of backslashes. */
  #escaped = false;

  /** @param maxText bytes of one string */
  constructor(maxValues: number, maxText = Number.POSITIVE_INFINITY) {
    this.#maxValues = maxValues;
    this.#maxText = maxText;
  }

  /** Values so far: elements, members and the outermost. */
  get values(): number {
    return this.#values;
  }

  /** What there is too much of, as soon as there is. */
  write(chunk: Buffer): Excess | undefined {
    for (let at = 0; at < chunk.length; ) {
      if (this.#inString) {
        const end = this.#endOfString(chunk, at);
        this.#text += end - at;
        if (this.#text > this.#maxText) return 'text';
        at = end;
        continue;
      }
      const byte = chunk[at++] as number;
      if (byte === QUOTE) {
        this.#inString = true;
        this.#text = 0;
      } else if (byte === COMMA) this.#values++;
      else if ((byte & SQUARE_OR_CURLY) === OPEN) {
        this.#values++;
        if (++this.#depth > MOST_DEPTH) return 'depth';
      } else if ((byte & SQUARE_OR_CURLY) === CLOSE) this.#depth--;
      if (this.#values > this.#maxValues) return 'values';
    }
    return undefined;
  }

  /** Behind the quote that ends the string, or the end of the chunk. */
  #endOfString(chunk: Buffer, from: number): number {
    for (let at = from; ; ) {
      const quote = chunk.indexOf(QUOTE, at);
      const end = quote < 0 ? chunk.length : quote;
      let run = 0;
      while (end - run > at && chunk[end - run - 1] === BACKSLASH) run++;
      // a run that began in the chunk before goes on
      const escaped = (run % 2 === 1) !== (this.#escaped && end - run === from && at === from);
      this.#escaped = false;
      if (quote < 0) {
        this.#escaped = escaped;
        return chunk.length;
      }
      if (!escaped) {
        this.#inString = false;
        return quote + 1;
      }
      at = quote + 1;
    }
  }
}
