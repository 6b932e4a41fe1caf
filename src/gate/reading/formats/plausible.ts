import { crc32 } from './crc32.ts';

/** Whether the markers up to the first scan are valid, as a JPEG reader follows them. */
function jpegHolds(data: Buffer): boolean {
  for (let at = 2; at + 4 <= data.length; ) {
    if (data[at] !== 0xff) return false;
    const marker = data[at + 1] as number;
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xda) return true;
    at += 2 + data.readUInt16BE(at + 2);
  }
  return false;
}

function pngHolds(data: Buffer): boolean {
  return data.length >= 33 && crc32(data.subarray(12, 29)) === data.readUInt32BE(29);
}

/** Whether the header of a supposed image is valid, for formats with more than a signature. True for all others. */
export function headerHolds(data: Buffer, format: string): boolean {
  return format === 'JPEG' ? jpegHolds(data) : format === 'PNG' ? pngHolds(data) : true;
}
