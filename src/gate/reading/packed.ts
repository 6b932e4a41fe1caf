import { gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { mayInflate } from './inflate-probe.ts';

/** Most bytes that are unpacked; a text that unpacks to more is unexamined. About 5 ms of work. */
const MAX_OUTPUT = 1 << 20;
/** Fewer bytes are no packed file of an image, even of one colour. */
const MIN_INPUT = 24;
/** Bytes that may follow a packed stream, such as a checksum. */
const MAX_REST = 8;
/** Less output is what noise unpacks to by chance. */
const MIN_OUTPUT = 32;

export interface Unpacked {
  name: string;
  /** Undefined if there is more than the limit. */
  bytes: Buffer | undefined;
}

/** Formats with a checksum. */
export const CHECKED: ReadonlySet<string> = new Set(['gzip', 'zlib']);

type Unpack = (data: Buffer, options: object) => unknown;

function tried(unpack: Unpack, data: Buffer, name: string): Unpacked | undefined {
  try {
    // with the option `info`, the functions of zlib return more than their types say
    const { buffer, engine } = unpack(data, { maxOutputLength: MAX_OUTPUT, info: true }) as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    const whole = engine.bytesWritten >= data.length - MAX_REST && buffer.length >= MIN_OUTPUT;
    return whole || name === 'gzip' ? { name, bytes: buffer } : undefined;
  } catch (error) {
    return (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE' ? { name, bytes: undefined } : undefined;
  }
}

const PRESET = 0x20;
/** Whether the two bytes of a zlib header are valid, and a stream without a preset dictionary may follow. */
function mayBeZlib(data: Buffer): boolean {
  const [method, flags] = [data[0] as number, data[1] as number];
  if ((method & 15) !== 8 || method >> 4 > 7 || (method * 256 + flags) % 31 !== 0) return false;
  return (flags & PRESET) === 0 && mayInflate(data.subarray(2));
}

/** Unpacks gzip, zlib or raw deflate (as SAML uses it); undefined if the bytes are none of these. */
export function unpacked(data: Buffer): Unpacked | undefined {
  if (data.length < 16) return undefined;
  if (data[0] === 0x1f && data[1] === 0x8b)
    return tried(gunzipSync, data, 'gzip') ?? { name: 'gzip', bytes: undefined };
  if (mayBeZlib(data)) {
    const found = tried(inflateSync, data, 'zlib');
    if (found) return found;
  }
  if (data.length < MIN_INPUT) return undefined;
  return mayInflate(data) ? tried(inflateRawSync, data, 'deflate') : undefined;
}
