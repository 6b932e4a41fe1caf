/**
 * Bicubic resampling with antialiasing of 8-bit pixels, bit for bit as in Pillow: 22-bit fixed-point weights, 8-bit
 * intermediate image, horizontal pass first. The published models were trained and evaluated with it. Only the rows and
 * columns inside the crop are computed. The reference is Pillow 13, which runs the vertical pass first where an image is
 * reduced and is more than twice as high as wide. Older versions never do, and differ there by a few levels.
 */
import type { Region } from './region.ts';
import { horizontal, packed, strideOf, vertical } from './resample-kernel.ts';
import type { Rows } from './rows.ts';
import { part, type ResampleWeights, weights } from './weights.ts';

/** Bytes of the picture that are processed before the event loop runs: about a millisecond of work. */
const SLICE = 2 ** 20;

/** Lets the event loop run between two slices of a large image. */
const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

/** RGB rows, uint8 [height, width, 3] -> uint8 RGB [size, size, 3]: the square `region` of the resized image. */
export async function resample(image: Rows, width: number, height: number, region: Region): Promise<Uint8Array> {
  const { size } = region;
  if (width === size && height === size) return image(0, height);
  const h = weights(width, region.width, region.left, size);
  const v = weights(height, region.height, region.top, size);
  if (verticalFirst(width, height, region)) return upright(image, width, size, h, v);
  const rows = v.to - v.from;
  // whole rows are read, so a slice counts their full width
  const perSlice = Math.max(1, Math.floor(SLICE / (width * 3)));
  if (rows <= perSlice) {
    return vertical(horizontal(image(v.from, rows), width, 0, rows, size, h), size, v);
  }
  const stride = strideOf(size);
  const stripe = new Uint8Array(rows * stride);
  for (let start = 0; start < rows; start += perSlice) {
    if (start > 0) await pause();
    const count = Math.min(perSlice, rows - start);
    stripe.set(horizontal(image(v.from + start, count), width, 0, count, size, h), start * stride);
  }
  return vertical(stripe, size, v);
}

/** Whether Pillow 13 runs the vertical pass first. Found by comparison with it, for resizing that keeps the proportions. */
const verticalFirst = (width: number, height: number, region: Region) => height > 2 * width && region.height < height;

/** Runs the vertical pass first, a few rows of the result at a time. */
async function upright(
  image: Rows,
  width: number,
  size: number,
  h: ResampleWeights,
  v: ResampleWeights,
): Promise<Uint8Array> {
  const columns = h.to - h.from;
  const stride = strideOf(columns);
  const across = { ...h, from: 0, to: columns };
  const out = new Uint8Array(size * size * 3);
  const rowsOf = (from: number, to: number) => {
    const last = (v.first[to - 1] as number) + v.taps;
    return { top: v.first[from] as number, rows: Math.min(last, v.to - v.from) - (v.first[from] as number) };
  };
  for (let from = 0, to = 0; from < size; from = to) {
    if (from > 0) await pause();
    for (to = from + 1; to < size && rowsOf(from, to + 1).rows * width * 3 <= SLICE; ) to++;
    const { top, rows } = rowsOf(from, to);
    const source = image(v.from + top, rows);
    const input = new Uint8Array(rows * stride);
    for (let y = 0; y < rows; y++) {
      const at = (y * width + h.from) * 3;
      input.set(source.subarray(at, at + columns * 3), y * stride);
    }
    const squeezed = vertical(input, columns, part(v, from, to));
    const count = to - from;
    out.set(packed(horizontal(squeezed, columns, 0, count, size, across), count, size), from * size * 3);
  }
  return out;
}
