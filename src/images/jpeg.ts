/**
 * The short way for ordinary JPEGs, most of what a service gets: decoded and resized natively off the event loop, in one call
 * where the picture is small, behind libjpeg's scaled decoding where it is large. Within the parity bound of the transform
 * but not bit for bit: an inverse DCT is rounded differently by every decoder.
 */
import { FastResizeFilter, ResizeFit, Transformer } from '@napi-rs/image';
import sharp from 'sharp';
import { type JpegHeader, readJpegHeader } from './jpeg-header.ts';
import type { Region } from './region.ts';

/** Enlarged, or hardly reduced, the resamplers' different rounding shows; averaged over more pixels it doesn't. */
const LEAST_REDUCTION = 1.5;
/** From here on libvips is faster, though it costs several times as much per picture before it begins. */
const LARGE_REDUCTION = 10;
/** The intermediate picture is this many times the final one: what two resamplings do to it stays below the parity bound. */
const ROUGH = 4;

/** The header of a JPEG that may go the short way, or undefined. */
export function plainJpeg(bytes: Uint8Array): JpegHeader | undefined {
  // the native decoder fills up what is missing; a file that ends early is not whole, and sharp says so
  if (bytes[bytes.length - 2] !== 0xff || bytes[bytes.length - 1] !== 0xd9) return undefined;
  const header = readJpegHeader(bytes);
  return header?.plain && header.width > 0 && header.height > 0 ? header : undefined;
}

const reduction = ({ width, height }: JpegHeader, region: Region) =>
  Math.min(width / region.width, height / region.height);

/** Whether the result stays within the parity bound: reduced enough, or not resampled at all. */
export const isFaithful = (header: JpegHeader, region: Region): boolean =>
  reduction(header, region) >= LEAST_REDUCTION || (header.width === region.width && header.height === region.height);

/** uint8 RGB [size, size, 3]: the square `region` of the resized picture. Rejects with the decoder's own error. */
export async function reduceJpeg(bytes: Uint8Array, header: JpegHeader, region: Region): Promise<Uint8Array> {
  const source =
    reduction(header, region) >= LARGE_REDUCTION ? await rough(bytes, header, region) : new Transformer(bytes);
  const { width, height } = region;
  const rgba = await source
    .fastResize({ width, height, filter: FastResizeFilter.CatmullRom, fit: ResizeFit.Fill })
    .rawPixels();
  return crop(rgba, region);
}

/** The picture at `ROUGH` times its final size. */
async function rough(bytes: Uint8Array, { width, height }: JpegHeader, region: Region): Promise<Transformer> {
  const [w, h] = [region.width * ROUGH, region.height * ROUGH];
  const picture = sharp(bytes, { failOn: 'error', limitInputPixels: false, ignoreIcc: true, sequentialRead: true });
  // scaled decoding rounds sizes that it does not divide, which shifts the picture: an extraction of all of it rules that out
  if (width % 8 !== 0 || height % 8 !== 0) picture.extract({ left: 0, top: 0, width, height });
  const rgba = await picture
    .resize(w, h, { fit: 'fill', kernel: 'cubic', fastShrinkOnLoad: false })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer();
  return Transformer.fromRgbaPixels(rgba, w, h);
}

function crop(rgba: Uint8Array, { width, left, top, size }: Region): Uint8Array {
  const out = new Uint8Array(size * size * 3);
  let o = 0;
  for (let y = 0; y < size; y++) {
    let at = ((top + y) * width + left) * 4;
    for (let x = 0; x < size; x++, at += 4) {
      out[o++] = rgba[at] as number;
      out[o++] = rgba[at + 1] as number;
      out[o++] = rgba[at + 2] as number;
    }
  }
  return out;
}
