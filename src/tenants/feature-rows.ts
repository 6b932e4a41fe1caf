import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { unusableRow } from '../clipn/text-features.ts';
import type { FeatureKey } from './feature-cache.ts';

/** Bytes of a key. */
export const HASH = 16;
const CRC = 4;

/** Bytes of one stored row. */
export const rowBytes = (width: number) => CRC + 4 * width;

/** Returns the function from names to keys of 16 bytes, for one tower and its templates. */
export function keyHasher({ tower, templates, origin }: FeatureKey): (name: string) => Buffer {
  const prefix = JSON.stringify(origin === undefined ? [tower, templates] : [tower, templates, origin]);
  return (name) => createHash('sha256').update(prefix).update('\0').update(name).digest().subarray(0, HASH);
}

/** CRC-32 of the row, then the row: float32, little endian, as on every machine that ONNX Runtime supports. */
export function encodeRow(row: Float32Array): Buffer {
  const out = Buffer.alloc(rowBytes(row.length));
  out.set(new Uint8Array(row.buffer, row.byteOffset, row.byteLength), CRC);
  out.writeUInt32LE(crc32(out.subarray(CRC)), 0);
  return out;
}

/** The row; undefined where its checksum or length is wrong, or it is zero or not finite. Such a row is computed again. */
export function decodeRow(bytes: Buffer, width: number): Float32Array | undefined {
  if (bytes.length !== rowBytes(width) || !isIntact(bytes)) return undefined;
  const at = bytes.byteOffset + CRC;
  const row = new Float32Array(bytes.buffer.slice(at, at + 4 * width) as ArrayBuffer);
  return unusableRow(row, width) === undefined ? row : undefined;
}

export function isIntact(bytes: Buffer): boolean {
  return bytes.readUInt32LE(0) === crc32(bytes.subarray(CRC));
}
