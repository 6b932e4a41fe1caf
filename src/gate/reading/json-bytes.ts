/** Bytes of JSON's grammar, and the end of a string, for readers that build no values. */
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;

/** 1 for the bytes of numbers. Their order is not checked here, because every consumer of the numbers checks it. */
export const IN_NUMBER = new Uint8Array(256);
for (const c of Buffer.from('0123456789+-.eE')) IN_NUMBER[c] = 1;

/** First byte after the string whose opening quote is at `start`; -1 when the string does not end. */
export function endOfString(text: Buffer, start: number): number {
  for (let at = start + 1; ; ) {
    const quote = text.indexOf(QUOTE, at);
    if (quote < 0) return -1;
    let slashes = 0;
    // the count ends at the opening quote at the latest, because no backslash can precede it
    while (text[quote - 1 - slashes] === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}
