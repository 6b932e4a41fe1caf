import type { TiffHeader } from './headers/tiff.ts';

/** The sample after the colours: alpha as the file says, not alpha as the file says, or unspecified. */
export type FourthSample = 'none' | 'alpha' | 'other' | 'unsaid';

const GREY_WHITE_IS_ZERO = 0;
const GREY = 1;
const RGB = 2;
const PALETTE = 3;
const CMYK = 5;
const YCBCR = 6;
const JPEG = 7;
/** None, the fax codes, LZW, JPEG, deflate (two numbers), PackBits. */
const COMPRESSIONS = new Set([1, 2, 3, 4, 5, JPEG, 8, 32946, 32773]);
const COLOURS: Record<number, number> = {
  [GREY_WHITE_IS_ZERO]: 1,
  [GREY]: 1,
  [RGB]: 3,
  [PALETTE]: 1,
  [CMYK]: 4,
  [YCBCR]: 3,
};
const UNSIGNED = 1;
const PREMULTIPLIED = 1;

export function fourthSample({ photometric, samples, extra }: TiffHeader): FourthSample {
  if (samples === COLOURS[photometric]) return 'none';
  if (extra === undefined) return 'unsaid';
  return extra[0] === 0 ? 'other' : 'alpha';
}

/**
 * The reason why a TIFF is refused, or undefined if it is accepted. Accepted are the kinds that libvips and Pillow show alike
 * (test/images/tiff-matrix.test.ts). Samples that are not plain brightness from black to white look different in every
 * reader: floating point, signed, 32 bits, a maximum of their own, L*a*b*.
 */
export function tiffFault(tiff: TiffHeader): string | undefined {
  const { photometric, samples, bits, extra } = tiff;
  const colours = COLOURS[photometric];
  if (colours === undefined) return 'its colour space is not grey, RGB, palette, CMYK or JPEG-compressed YCbCr';
  if (!COMPRESSIONS.has(tiff.compression)) return 'its compression is not supported';
  if (photometric === YCBCR && tiff.compression !== JPEG) return 'YCbCr is supported with JPEG compression only';
  if (tiff.sampleFormats.some((format) => format !== UNSIGNED))
    return 'its samples are signed or floating-point numbers';
  if (bits.length !== 1 && bits.length !== samples) return 'it does not say how many bits each sample has';
  if (bits.some((bit) => bit !== bits[0])) return 'its samples differ in their number of bits';
  if (samples > colours + (photometric === CMYK ? 0 : 1)) return 'it has more samples than colours and transparency';
  if (samples < colours) return 'it has fewer samples than its colours need';
  if (extra !== undefined && extra.length !== samples - colours)
    return 'its extra samples are not those that it declares';
  if (extra?.some((kind) => kind > 2)) return 'an extra sample is of an unknown kind';
  if (colours === 1 && extra?.[0] === PREMULTIPLIED) return 'its grey is premultiplied';
  if (photometric === CMYK && tiff.inkSet !== 1) return 'its inks are not cyan, magenta, yellow and black';
  return depthFault(tiff, colours) ?? planarFault(tiff);
}

function depthFault({ photometric, bits, samples, maxValue }: TiffHeader, colours: number): string | undefined {
  const [depth] = bits as [number];
  const narrow = colours === 1 && samples === 1 && (depth === 1 || depth === 2 || depth === 4);
  const deep = depth === 16 && (photometric === GREY || photometric === RGB);
  if (depth !== 8 && !narrow && !deep) return `${depth} bits for a sample of this kind are not supported`;
  if (deep && maxValue !== undefined && maxValue !== 2 ** depth - 1) return 'its white is a number of its own';
  return undefined;
}

function planarFault(tiff: TiffHeader): string | undefined {
  if (!tiff.planar) return undefined;
  if (tiff.photometric === GREY_WHITE_IS_ZERO) return 'planes of grey where white is zero are not supported';
  if (tiff.bits[0] !== 8) return 'planes of 16 bits are not supported';
  const alpha = fourthSample(tiff);
  if (alpha !== 'none' && tiff.extra?.[0] !== 2) return 'an extra plane is not declared as alpha';
  return undefined;
}
