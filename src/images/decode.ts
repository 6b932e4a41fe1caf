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
 */
import sharp from 'sharp';
import { ServiceError } from '../errors/index.ts';
import { type ImageFormat, sniff } from './format.ts';
import { readJpegHeader } from './jpeg-header.ts';
import { centreRegion } from './region.ts';
import { resample } from './resample.ts';

export interface DecodedImage {
  /** uint8 RGB [size, size, 3]. */
  pixels: Uint8Array;
  /** Size and format of the stored image, orientation not applied. */
  width: number;
  height: number;
  format: ImageFormat;
}

export interface DecodeLimits {
  /** Most pixels (width times height) of the stored image; judged by its header, before anything is decoded. */
  maxPixels: number;
}

/** libvips threads per image and no operation cache: images don't repeat, and many are decoded at once. */
export function configureDecoder({ concurrency }: { concurrency: number }): void {
  sharp.cache(false);
  sharp.concurrency(concurrency);
}

function undecodable(error: unknown): ServiceError {
  const internal = error instanceof Error ? error.message : String(error);
  return new ServiceError('image_undecodable', 'The image is damaged or incomplete and cannot be decoded.', {
    internal,
    cause: error,
  });
}

/**
 * @param size side S of the square that the model takes, pixels
 * @throws ServiceError no_image (empty), unsupported_media_type, image_too_large, image_undecodable
 */
export async function decodeImage(bytes: Uint8Array, size: number, { maxPixels }: DecodeLimits): Promise<DecodedImage> {
  if (bytes.length === 0) throw new ServiceError('no_image', 'The image is empty.');
  const format = sniff(bytes);
  if (!format) {
    throw new ServiceError(
      'unsupported_media_type',
      'This is not an image in a known format; send JPEG, PNG, WebP, GIF, AVIF or TIFF.',
    );
  }
  const { width, height, cmyk } = (format === 'jpeg' && jpegFacts(bytes)) || (await facts(bytes));
  checkSize(width, height, maxPixels);
  const rgb = await decodeRgb(bytes, { cmyk, opaque: format === 'jpeg', maxPixels });
  const region = centreRegion(rgb.width, rgb.height, size);
  return { pixels: await resample(rgb.data, rgb.width, rgb.height, region), width, height, format };
}

/** What is to be known before anything is decoded. */
interface Facts {
  width: number;
  height: number;
  cmyk: boolean;
}

/** Of most JPEGs, without asking the decoder. */
function jpegFacts(bytes: Uint8Array): Facts | undefined {
  const header = readJpegHeader(bytes);
  return header && { width: header.width, height: header.height, cmyk: header.components === 4 };
}

async function facts(bytes: Uint8Array): Promise<Facts> {
  try {
    const { width, height, space } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return { width, height, cmyk: space === 'cmyk' };
  } catch (error) {
    throw undecodable(error);
  }
}

function checkSize(width: number, height: number, maxPixels: number): void {
  if (width * height <= maxPixels) return;
  throw new ServiceError(
    'image_too_large',
    `The image has ${width} x ${height} pixels; at most ${maxPixels} are accepted.`,
    { extra: { limit: maxPixels, width, height } },
  );
}

async function decodeRgb(
  bytes: Uint8Array,
  { cmyk, opaque, maxPixels }: { cmyk: boolean; opaque: boolean; maxPixels: number },
): Promise<{ data: Uint8Array; width: number; height: number }> {
  try {
    const picture = sharp(bytes, {
      // a picture that ends half-way is not the picture that was sent
      failOn: 'error',
      limitInputPixels: maxPixels,
      ignoreIcc: !cmyk,
      sequentialRead: true,
    });
    if (!opaque) picture.flatten({ background: '#ffffff' });
    const { data, info } = await picture
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data: info.channels === 3 ? data : toRgb(data, info.channels), width: info.width, height: info.height };
  } catch (error) {
    throw undecodable(error);
  }
}

/** Grey to RGB; anything beyond the first three channels is dropped (alpha was flattened before). */
function toRgb(data: Uint8Array, channels: number): Uint8Array {
  const count = data.length / channels;
  const rgb = new Uint8Array(count * 3);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = data[i * channels + (channels < 3 ? 0 : c)] as number;
  }
  return rgb;
}
