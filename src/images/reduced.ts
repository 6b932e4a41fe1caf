/** Decoding at a reduced scale: a large photograph costs its decoder several times what the model costs, and the model sees a fraction of it. */
import sharp, { type Sharp } from 'sharp';
import { damaged, type Facts } from './facts.ts';
import type { ImageFormat } from './format.ts';
import { centreRegion, type Region } from './region.ts';
import { resample } from './resample.ts';
import { colourRows, type Raster } from './rows.ts';

/** Of the model's side: what is left of the shorter side after a reduced decode. */
const LEFT = 2;
const SCALES = [8, 4, 2] as const;

/** The largest of 8, 4 and 2 by which an image may be divided; undefined where the whole is to be decoded. */
export function scaleFor(width: number, height: number, size: number): number | undefined {
  return SCALES.find((scale) => Math.min(width, height) >= scale * LEFT * size);
}

interface Request {
  facts: Facts;
  format: ImageFormat;
  size: number;
  maxPixels: number;
}

/**
 * The square that the model takes, uint8 RGB [size, size, 3]. libjpeg decodes at 1/2, 1/4 or 1/8, and libvips resamples with the same kernel
 * as the reference (bicubic, a = -0.5, antialiased). libwebp decodes at such a scale, too; then the file is
 * resampled as any other.
 * Undefined where the image is small, or of another kind than RGB and grey.
 * @throws ServiceError image_undecodable
 */
export async function decodeReduced({ facts, format, size, maxPixels }: Request): Promise<Uint8Array | undefined> {
  const { bytes, width, height, cmyk, turned } = facts;
  const reducible = (format === 'jpeg' && !cmyk) || (format === 'webp' && facts.frames === 1);
  const scale = scaleFor(width, height, size);
  if (!reducible || scale === undefined) return undefined;
  try {
    const { orientation = 1, hasAlpha = false } = facts.noOrientation
      ? {}
      : await sharp(bytes, { limitInputPixels: maxPixels }).metadata();
    if (hasAlpha) return undefined;
    const turn = turnOf(turned ? orientation : 1);
    const region = centreRegion(turn.swap ? height : width, turn.swap ? width : height, size);
    const asStored = stored(region, turn);
    const image = sharp(bytes, {
      failOn: 'error',
      limitInputPixels: maxPixels,
      ignoreIcc: true,
      sequentialRead: true,
    });
    if (format === 'webp') return upright(await fromWebp(image, facts, scale, asStored), size, turn);
    const { left, top } = asStored;
    const { data, info } = await image
      .resize(asStored.width, asStored.height, { fit: 'fill', kernel: 'cubic', fastShrinkOnLoad: false })
      .extract({ left, top, width: size, height: size })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const raster: Raster = { data, width: info.width, height: info.height, channels: info.channels };
    return upright(colourRows(raster)(0, size), size, turn);
  } catch (error) {
    throw damaged(error);
  }
}

/** libwebp scales to whatever size it is asked for; asked for the model's, it would make the picture too coarse. */
async function fromWebp(image: Sharp, { width, height }: Facts, scale: number, region: Region): Promise<Uint8Array> {
  const { data, info } = await image
    .resize(Math.ceil(width / scale), Math.ceil(height / scale), { fit: 'fill', kernel: 'cubic' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const raster: Raster = { data, width: info.width, height: info.height, channels: info.channels };
  return resample(colourRows(raster), info.width, info.height, region);
}

/** Finds the stored pixel of a pixel of the displayed picture: whether the axes are swapped, and then which of the stored axes are reversed. */
interface Turn {
  swap: boolean;
  reverseX: boolean;
  reverseY: boolean;
}

/** Of the EXIF orientation, 1 to 8. */
const turnOf = (orientation: number): Turn => ({
  swap: orientation >= 5,
  reverseX: [2, 3, 7, 8].includes(orientation),
  reverseY: [3, 4, 6, 7].includes(orientation),
});

/** The stored region of a region of the displayed picture: libvips reduces a file during decoding only if it does not rotate it. */
function stored({ width, height, left, top, size }: Region, { swap, reverseX, reverseY }: Turn): Region {
  const [w, h, x, y] = swap ? [height, width, top, left] : [width, height, left, top];
  return { width: w, height: h, left: reverseX ? w - size - x : x, top: reverseY ? h - size - y : y, size };
}

/** Turns a stored square, uint8 RGB [size, size, 3]. */
function upright(square: Uint8Array, size: number, { swap, reverseX, reverseY }: Turn): Uint8Array {
  const out = new Uint8Array(size * size * 3);
  for (let y = 0, to = 0; y < size; y++) {
    for (let x = 0; x < size; x++, to += 3) {
      const [across, down] = swap ? [y, x] : [x, y];
      const row = reverseY ? size - 1 - down : down;
      const from = (row * size + (reverseX ? size - 1 - across : across)) * 3;
      out[to] = square[from] as number;
      out[to + 1] = square[from + 1] as number;
      out[to + 2] = square[from + 2] as number;
    }
  }
  return out;
}
