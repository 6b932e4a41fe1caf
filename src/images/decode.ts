/**
 * Decodes untrusted image bytes into the pixels that the model takes. The reference is CLIP's transform on Pillow images:
 * shorter side to S, bicubic, antialiased, centre crop. Like the reference, the decoder ignores RGB colour profiles.
 *
 * The decoder differs from the reference where the reference's result would surprise a person:
 * - EXIF orientation is applied, unless it is to be ignored; the reference shows many photographs of phones rotated by 90 degrees.
 * - Palette images become RGB before they are resized; the reference interpolates palette indices to the nearest.
 * - Transparency is composited on white; the reference drops it and shows the colour underneath.
 * - CMYK is converted by its embedded profile; the reference inverts it naively.
 * - Samples of 16 bits are scaled to 8; the reference clips grey ones to white.
 *
 * Of an animation both take the first frame. A classifier behind the gate may read an image differently; those other
 * readings are available on request (readings.ts).
 */
import sharp from 'sharp';
import { ServiceError } from '../errors/index.ts';
import { decodeBmp } from './bmp.ts';
import { damaged, type Facts, factsOf } from './facts.ts';
import { type ImageFormat, sniff } from './format.ts';
import { type ImageReading, otherReadings } from './readings.ts';
import { decodeReduced } from './reduced.ts';
import { refusalOf } from './refused.ts';
import { centreRegion } from './region.ts';
import { resample } from './resample.ts';
import { colourRows, flattenedRows, type Raster, transparent } from './rows.ts';

export interface DecodedImage {
  /** uint8 RGB [size, size, 3]. */
  pixels: Uint8Array;
  /** Size and format of the stored image, before any rotation by EXIF orientation. */
  width: number;
  height: number;
  format: ImageFormat;
  /** Pictures in the file; the first one was decoded. */
  frames: number;
  /** Whether other readings of the file have different pixels. */
  contested: boolean;
  /** Those other readings; empty unless they were requested. */
  others: ImageReading[];
}

export interface DecodeLimits {
  /** Largest accepted width times height of the stored image; checked against the header before decoding. */
  maxPixels: number;
}

/** `exact` is the reference transform to the bit; `fast` decodes large files at a reduced scale. */
export type DecodeMode = 'exact' | 'fast';

/** Whether the orientation tag of a file is applied before the image is judged. */
export type Orientation = 'apply' | 'ignore';

export interface DecodeOptions extends DecodeLimits {
  /** `exact` where nothing is said. */
  mode?: DecodeMode;
  /** `apply` where nothing is said. */
  orientation?: Orientation;
  /** Decode what other readers make of the image as well. */
  readings?: boolean;
  /** Called once the size is known and before pixels take memory; resolves with what is called when the image has been decoded. */
  enter?: (pixels: number) => Promise<() => void>;
}

/** One libvips thread per image, because many images are decoded at once. No operation cache, because images don't repeat. */
export function configureDecoder({ concurrency }: { concurrency: number }): void {
  sharp.cache(false);
  sharp.concurrency(concurrency);
}

/**
 * @param size side S of the square that the model takes, pixels
 * @throws ServiceError no_image (empty), unsupported_media_type, image_too_large, image_undecodable
 */
export async function decodeImage(bytes: Uint8Array, size: number, options: DecodeOptions): Promise<DecodedImage> {
  if (bytes.length === 0) throw new ServiceError('no_image', 'The image is empty.');
  const format = sniff(bytes);
  if (!format) throw new ServiceError('unsupported_media_type', refusalOf(bytes));
  const stored = await factsOf(bytes, format, options.maxPixels);
  const leave = await options.enter?.(stored.width * stored.height);
  try {
    return await decodeStored(stored, format, size, options);
  } finally {
    leave?.();
  }
}

async function decodeStored(
  stored: Facts,
  format: ImageFormat,
  size: number,
  { maxPixels, readings = false, mode = 'exact', orientation = 'apply' }: DecodeOptions,
): Promise<DecodedImage> {
  const facts = { ...stored, turned: stored.turned || (orientation === 'apply' && !stored.noOrientation) };
  const { width, height, frames } = facts;
  const reduced = mode === 'fast' ? await decodeReduced({ facts, format, size, maxPixels }) : undefined;
  if (reduced) return { pixels: reduced, width, height, format, frames, contested: false, others: [] };
  const raster = await decode(facts, maxPixels);
  const clear = facts.fourth !== 'other' && raster.channels === 4 && (await transparent(raster));
  const dropped = !clear || facts.fourth === 'unsaid';
  const region = centreRegion(raster.width, raster.height, size);
  const rows = dropped ? colourRows(raster) : flattenedRows(raster, 255);
  const pixels = await resample(rows, raster.width, raster.height, region);
  const contested = clear || facts.cmyk || facts.deepGrey;
  const others =
    readings && contested ? await otherReadings({ facts, raster, clear, dropped, region, pixels, maxPixels }) : [];
  return { pixels, width, height, format, frames, contested: readings ? others.length > 0 : contested, others };
}

/** Returns RGB, RGBA or grey of 8 bits. */
async function decode({ bytes, cmyk, turned, bitmap }: Facts, maxPixels: number): Promise<Raster> {
  try {
    if (bitmap) return decodeBmp(bytes, bitmap);
    const image = sharp(bytes, {
      // a truncated image is an error, not a partly grey image
      failOn: 'error',
      limitInputPixels: maxPixels,
      ignoreIcc: !cmyk,
      sequentialRead: true,
    });
    if (turned) image.autoOrient();
    const { data, info } = await image
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height, channels: info.channels };
  } catch (error) {
    throw damaged(error);
  }
}
