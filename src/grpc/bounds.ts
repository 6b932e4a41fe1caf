import { ServiceError } from '../errors/index.ts';

/**
 * Bounds of a message by the numbers of its fields. Fields that are not named hold at most `SMALL` bytes each; `any` fields hold
 * any number of bytes (images); an object is a message with bounds of its own.
 */
export interface MessageBounds {
  readonly [field: number]: 'any' | MessageBounds;
}

/** Most fields of a message, those of its parts included: every field becomes an object that is many times larger than its bytes. */
const MOST_FIELDS = 16_384;
/** Most bytes of a text, of packed numbers, and of a part that is not named. */
const SMALL = 64 * 1024;

const malformed = () => new ServiceError('invalid_request', 'The request is not a well-formed message.');

/** The number at `at` (base 128), and the offset after it. Numbers of more than 32 bits only matter for their length. */
function varint(bytes: Buffer, at: number, end: number): [value: number, after: number] {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    if (at + i >= end) throw malformed();
    const byte = bytes[at + i] as number;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return [value, at + i + 1];
  }
  throw malformed();
}

/**
 * Walks through the wire format of a message without making objects.
 * @throws ServiceError invalid_request if the message is malformed or has more than the bounds
 */
export function checkBounds(bytes: Buffer, bounds: MessageBounds): void {
  let fields = 0;
  const walk = (from: number, end: number, inside: MessageBounds): void => {
    let at = from;
    while (at < end) {
      if (++fields > MOST_FIELDS) {
        throw new ServiceError('invalid_request', `The request has more than ${MOST_FIELDS} fields.`);
      }
      const [tag, after] = varint(bytes, at, end);
      at = after;
      const wire = tag & 7;
      if (wire === 0) at = varint(bytes, at, end)[1];
      else if (wire === 1) at += 8;
      else if (wire === 5) at += 4;
      else if (wire === 2) {
        const [length, start] = varint(bytes, at, end);
        at = start + length;
        if (at > end) throw malformed();
        const field = Math.floor(tag / 8);
        const bound = inside[field];
        if (typeof bound === 'object') walk(start, at, bound);
        else if (bound === undefined && length > SMALL) {
          throw new ServiceError('invalid_request', `Field ${field} of the request has more than ${SMALL} bytes.`);
        }
      } else throw malformed();
      if (at > end) throw malformed();
    }
  };
  walk(0, bytes.length, bounds);
}
