/**
 * Untrusted image bytes -> the pixels that the model takes. The reference is CLIP's transform on Pillow images (shorter side
 * to S, bicubic, antialiased; centre crop), which ignores EXIF orientation and RGB colour profiles; so does this.
 *
 * Where the reference does something that nobody would expect, this does what a person would, and differs:
 * - palette images are made RGB before they are resized (the reference interpolates palette indices to the nearest);
 * - transparency is laid on white (the reference drops it and shows whatever colour lies underneath);
 * - CMYK goes through its embedded profile (the reference inverts naively);
 * - 16 bits are scaled to 8 (the reference clips grey ones to white);
 * - of an animation the first frame counts (as in the reference).
 *
 * Where a classifier behind the gate may do otherwise, the other readings of the image can be asked for (readings.ts).
 */
import sharp from 'sharp';
import { ServiceError } from '../errors/index.ts';
import { damaged, type Facts, factsOf } from './facts.ts';
import { type ImageFormat, sniff } from './format.ts';
import { otherReadings, type Reading } from './readings.ts';
import { centreRegion } from './region.ts';
import { resample } from './resample.ts';
import { colourRows, flattenedRows, type Raster, transparent } from './rows.ts';

export interface DecodedImage {
  /** uint8 RGB [size, size, 3]. */
  pixels: Uint8Array;
  /** Size and format of the stored image, orientation not applied. */
  width: number;
  height: number;
  format: ImageFormat;
  /** Pictures in the file; the first one was decoded. */
  frames: number;
  /** Whether there are readings of the file that show other pixels. */
  contested: boolean;
  /** Those readings, where they were asked for. */
  others: Reading[];
}

export interface DecodeLimits {
  /** Most pixels (width times height) of the stored image; judged by its header, before anything is decoded. */
  maxPixels: number;
}

export interface DecodeOptions extends DecodeLimits {
  /** Decode what other readers make of the image as well. */
  readings?: boolean;
}

/** libvips threads per image and no operation cache: images don't repeat, and many are decoded at once. */
export function configureDecoder({ concurrency }: { concurrency: number }): void {
  sharp.cache(false);
  sharp.concurrency(concurrency);
}

/**
 * @param size side S of the square that the model takes, pixels
 * @throws ServiceError no_image (empty), unsupported_media_type, image_too_large, image_undecodable
 */
export async function decodeImage(
  bytes: Uint8Array,
  size: number,
  { maxPixels, readings = false }: DecodeOptions,
): Promise<DecodedImage> {
  if (bytes.length === 0) throw new ServiceError('no_image', 'The image is empty.');
  const format = sniff(bytes);
  if (!format) {
    throw new ServiceError(
      'unsupported_media_type',
      'This is not an image in a known format; send JPEG, PNG, WebP, GIF, AVIF or TIFF.',
    );
  }
  const facts = await factsOf(bytes, format, maxPixels);
  const { width, height, frames } = facts;
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

/** RGB, RGBA or grey of 8 bits. */
async function decode({ bytes, cmyk, turned }: Facts, maxPixels: number): Promise<Raster> {
  try {
    const image = sharp(bytes, {
      // an image that ends half-way is not the image that was sent
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
