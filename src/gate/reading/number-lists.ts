import type { KnownFormat } from './formats/image-format.ts';
import { IN_NUMBER, numberAt, OPEN_ARRAY } from './json-bytes.ts';
import { Tensor } from './tensor.ts';

const SEPARATOR = new Uint8Array(256);
for (const c of Buffer.from(', \t\r\n')) SEPARATOR[c] = 1;
/** Fewer numbers cannot be a file. */
const MIN_NUMBERS = 8;

/**
 * Image formats of the lists of bytes in a text that is not JSON, as more tolerant parsers (JSON5, YAML) read them. Yields
 * undefined after every list without one.
 */
export function* numberLists(text: Buffer): Generator<KnownFormat | undefined> {
  for (let open = text.indexOf(OPEN_ARRAY); open >= 0; open = text.indexOf(OPEN_ARRAY, open + 1)) {
    // most brackets of a text enclose no list, so they cost no object
    let count = 0;
    let end = open + 1;
    for (; end < text.length; end++) {
      const c = text[end] as number;
      if (SEPARATOR[c] === 1) continue;
      if (IN_NUMBER[c] === 0) break;
      end = numberAt(text, end).end - 1;
      count++;
    }
    if (count >= MIN_NUMBERS) yield formatOf(text.subarray(open, end));
    open = end - 1;
  }
}

function formatOf(list: Buffer): KnownFormat | undefined {
  const tensor = new Tensor();
  for (let at = 1; at < list.length; at++) {
    if (SEPARATOR[list[at] as number] === 1) continue;
    const { end, integer, byte } = numberAt(list, at);
    tensor.leaf(integer, byte);
    at = end - 1;
  }
  return tensor.format;
}

/** The bytes of a flat array of numbers that stand for bytes. Tolerant like the walk, so that it cannot fail after it. */
export function bytesOf(text: Buffer, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  let length = 0;
  for (let at = 1; at < text.length && length < count; at++) {
    if (IN_NUMBER[text[at] as number] === 0) continue;
    const { end, byte } = numberAt(text, at);
    bytes[length++] = byte;
    at = end;
  }
  return bytes;
}
