/** First bytes of image formats, whether the engine can open them or not: what some classifier might take for an image. */
const MAGIC: { at: number; bytes: Buffer }[] = [
  ['ffd8ff', 0],
  ['89504e47', 0],
  ['47494638', 0], // GIF
  ['424d', 0], // BMP
  ['49492a00', 0], // TIFF
  ['4d4d002a', 0],
  ['57454250', 8], // WebP
  ['66747970', 4], // AVIF, HEIC
  ['0000000c6a502020', 0], // JPEG 2000
  ['ff4fff51', 0],
  ['ff0a', 0], // JPEG XL
  ['0000000c4a584c20', 0],
].map(([hex, at]) => ({ at: at as number, bytes: Buffer.from(hex as string, 'hex') }));

export function looksLikeImage(data: Buffer): boolean {
  return MAGIC.some(({ at, bytes }) => data.subarray(at, at + bytes.length).equals(bytes));
}
