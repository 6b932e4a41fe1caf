export interface JpegHeader {
  width: number;
  height: number;
  /** 1 for grey, 3 for colour, 4 for CMYK. */
  components: number;
  /** Whether there is a segment that may contain Exif data, and with them an orientation. */
  exif: boolean;
}

const STANDALONE = new Set([0x01, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7]);
const START_OF_SCAN = 0xda;
const END = 0xd9;
const APP1 = 0xe1;

/** SOF0 to SOF15, without the tables (C4, CC) and the reserved marker (C8) in that range. */
const isFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/**
 * Reads size, number of components, and presence of Exif data from the segments before the first scan. This costs a fiftieth of sharp's metadata
 * call. Undefined where the header violates the standard; libvips may still decode such a file.
 */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  const at16 = (at: number) => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  let header: Omit<JpegHeader, 'exif'> | undefined;
  let exif = false;
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1] as number;
    if (marker === 0xff) at++;
    else if (STANDALONE.has(marker)) at += 2;
    else {
      const length = at16(at + 2);
      if (length < 2 || at + 2 + length > bytes.length || marker === END) return undefined;
      if (marker === START_OF_SCAN) return header && { ...header, exif };
      if (marker === APP1) exif = true;
      if (isFrame(marker)) {
        // a second frame header lets two readers see two sizes
        if (header || length < 8) return undefined;
        header = { height: at16(at + 5), width: at16(at + 7), components: bytes[at + 9] as number };
      }
      at += 2 + length;
    }
  }
  return undefined;
}
