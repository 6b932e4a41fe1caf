export interface JpegHeader {
  width: number;
  height: number;
  /** Eight bits, baseline or progressive, grey or YCbCr by the usual marks: what every decoder reads alike. */
  plain: boolean;
}

const STANDALONE = new Set([0x01, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7]);
const START_OF_SCAN = 0xda;
const END = 0xd9;
const ADOBE = 0xee;

/** SOF0 to SOF15 without the tables (C4, CC) and the reserved one (C8) between them. */
const isFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/**
 * Size and colour model by the segments in front of the first scan, without a decoder: a fiftieth of what asking sharp costs.
 * Undefined for whatever is not as the standard says; a decoder may still make sense of it.
 */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  const at16 = (at: number) => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  let adobe: number | undefined;
  let frame: { marker: number; at: number } | undefined;
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1] as number;
    if (marker === 0xff) at++;
    else if (STANDALONE.has(marker)) at += 2;
    else {
      const length = at16(at + 2);
      if (length < 2 || at + 2 + length > bytes.length || marker === END) return undefined;
      if (marker === START_OF_SCAN) return frame && header(frame.marker, frame.at, adobe);
      if (isFrame(marker)) {
        // a second frame is the trick of a file that wants to be read as two sizes
        if (frame || length < 8) return undefined;
        frame = { marker, at: at + 4 };
      }
      if (marker === ADOBE && length >= 14 && at16(at + 4) === 0x4164) adobe = bytes[at + 15];
      at += 2 + length;
    }
  }
  return undefined;

  function header(marker: number, at: number, adobe: number | undefined): JpegHeader {
    const components = bytes[at + 5] as number;
    const ids = [0, 1, 2].map((i) => bytes[at + 6 + 3 * i]);
    const ycc = components === 3 && ids.join() === '1,2,3' && (adobe === undefined || adobe === 1);
    return {
      height: at16(at + 1),
      width: at16(at + 3),
      plain: marker <= 0xc2 && bytes[at] === 8 && (components === 1 || ycc),
    };
  }
}
