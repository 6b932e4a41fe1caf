import { maySpell } from './encodings/spelled.ts';
import { unescapePercent } from './escapes.ts';
import type { Examiner } from './examiner.ts';
import { beginsAsPnm } from './formats/text-images.ts';
import { MAX_PLAIN_NAME, MIN_TEXT_BYTES, SLICE_BYTES } from './limits.ts';
import type { Steps } from './reading.ts';

const AMPERSAND = 0x26;
const EQUALS = 0x3d;
const PERCENT = 0x25;
const PLUS = 0x2b;

/** Decodes a value of a form as servers do: plus signs are blanks. */
function decoded(value: Buffer): Buffer {
  const blanks = value.includes(PLUS) ? Buffer.from(value.map((c) => (c === PLUS ? 0x20 : c))) : value;
  return unescapePercent(blanks) ?? blanks;
}

/** Examines the names and values of a URL-encoded form, decoded as by a server. */
export function* urlencoded(text: Buffer, place: string, examiner: Examiner, layer: number): Steps {
  let slice = SLICE_BYTES;
  for (let from = 0; from < text.length; ) {
    if (from > slice) {
      slice = from + SLICE_BYTES;
      yield;
    }
    const next = text.indexOf(AMPERSAND, from);
    const end = next < 0 ? text.length : next;
    const start = from;
    from = end + 1;
    if (end - start < MIN_TEXT_BYTES) continue;
    const pair = text.subarray(start, end);
    const equals = pair.indexOf(EQUALS);
    const name = decoded(equals < 0 ? pair : pair.subarray(0, equals));
    const at = () => ({ place: `${place}, field ${JSON.stringify(name.toString('utf8', 0, 64))}` });
    if (name.length > MAX_PLAIN_NAME || (name.length >= MIN_TEXT_BYTES && beginsAsPnm(name[0])))
      yield* examiner.content(name, at, layer);
    if (equals < 0) continue;
    const value = pair.subarray(equals + 1);
    yield* examiner.content(decoded(value), at, layer);
    // some readers leave the escapes in place, and "%50%34" is hexadecimal, too
    if (value[0] === PERCENT && maySpell(value)) yield* examiner.content(value, at, layer);
  }
}
