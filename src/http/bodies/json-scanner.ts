/** Deepest accepted nesting of JSON; valid requests have at most seven levels. */
export const MOST_DEPTH = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
/** The code of [ is 0x5b, that of { is 0x7b; likewise ] and }. They differ in one bit only. */
const OPEN = 0x5b;
const CLOSE = 0x5d;
const SQUARE_OR_CURLY = ~0x20;

export type Excess = 'values' | 'depth' | 'text';

/**
 * Counts the values in a JSON text without parsing it. A body of twenty megabytes can hold ten million numbers, and each takes
 * more memory as a value than as text. The scanner reads chunk by chunk, so that a text is refused at the first value beyond
 * the limit. It does not check whether a text is valid JSON; the parser does.
 */
export class JsonScanner {
  readonly #maxValues: number;
  readonly #maxText: number;
  #text = 0;
  #values = 1;
  #depth = 0;
  #inString = false;
  /** Whether the previous chunk ended with an odd number of backslashes. */
  #escaped = false;

  /** @param maxText bytes of one string */
  constructor(maxValues: number, maxText = Number.POSITIVE_INFINITY) {
    this.#maxValues = maxValues;
    this.#maxText = maxText;
  }

  /** Number of values so far: elements, members and the outermost value. */
  get values(): number {
    return this.#values;
  }

  /** Counts a chunk. @returns the limit that is exceeded, if any */
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

  /** Offset after the quote that ends the string, or the end of the chunk. */
  #endOfString(chunk: Buffer, from: number): number {
    for (let at = from; ; ) {
      const quote = chunk.indexOf(QUOTE, at);
      const end = quote < 0 ? chunk.length : quote;
      let run = 0;
      while (end - run > at && chunk[end - run - 1] === BACKSLASH) run++;
      // a run of backslashes may continue from the previous chunk
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
