/**
 * Bicubic resampling with antialiasing of 8-bit pixels, bit for bit as Pillow does it (22-bit fixed-point weights, 8-bit
 * intermediate image, horizontal pass first), because that is what the published models were trained and evaluated with.
 * Only the rows and columns inside the crop are computed.
 */
import type { Region } from './region.ts';
import { horizontal, strideOf, vertical } from './resample-kernel.ts';
import type { Rows } from './rows.ts';
import { weights } from './weights.ts';

/** Bytes of the picture between two looks at the event loop: about a millisecond. */
const SLICE = 2 ** 20;

/** Lets other work of the process in between two slices of a large image. */
const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

/** RGB rows, uint8 [height, width, 3] -> uint8 RGB [size, size, 3]: the square `region` of the resized image. */
export async function resample(image: Rows, width: number, height: number, region: Region): Promise<Uint8Array> {
  const { size } = region;
  if (width === size && height === size) return image(0, height);
  const h = weights(width, region.width, region.left, size);
  const v = weights(height, region.height, region.top, size);
  const rows = v.to - v.from;
  // rows are made whole, so a slice counts their whole width
  const perSlice = Math.max(1, Math.floor(SLICE / (width * 3)));
  if (rows <= perSlice) return vertical(horizontal(image(v.from, rows), width, 0, rows, size, h), size, v);
  const stride = strideOf(size);
  const stripe = new Uint8Array(rows * stride);
  for (let start = 0; start < rows; start += perSlice) {
    if (start > 0) await pause();
    const count = Math.min(perSlice, rows - start);
    stripe.set(horizontal(image(v.from + start, count), width, 0, count, size, h), start * stride);
  }
  return vertical(stripe, size, v);
}
