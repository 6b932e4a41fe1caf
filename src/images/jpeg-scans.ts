/** Most scans of a JPEG: for each scan the decoder processes the whole picture again. Progressive encoders write about ten. */
const MOST_SCANS = 32;
/** Most pixels times scans, relative to the largest accepted picture: the larger a picture, the fewer scans it may have. */
const MOST_PASSES = 12;

const SCAN = 0xda;
const END = 0xd9;

/** Counts scan markers in the bytes, up to `most`, without decoding; entropy-coded data are searched as well. */
export function countScans(bytes: Uint8Array, most: number): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let scans = 0;
  for (let at = buffer.indexOf(0xff, 2); at >= 0 && at + 1 < buffer.length && scans < most; ) {
    const marker = buffer[at + 1] as number;
    // fill bytes, stuffed bytes and restart markers have no length field
    if (marker === 0xff) at++;
    else if (marker === END) break;
    else {
      const bare = marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8);
      if (marker === SCAN) scans++;
      const length = bare || at + 4 > buffer.length ? 0 : buffer.readUInt16BE(at + 2);
      at = buffer.indexOf(0xff, at + 2 + length);
    }
  }
  return scans;
}

/** Whether the scans would make decoding too expensive. */
export function tooManyScans(bytes: Uint8Array, pixels: number, maxPixels: number): boolean {
  const most = Math.max(4, Math.min(MOST_SCANS, Math.floor((MOST_PASSES * maxPixels) / pixels)));
  return countScans(bytes, most + 1) > most;
}
