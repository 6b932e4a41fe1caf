/**
 * Bicubic resampling with antialiasing of 8-bit pixels, bit for bit as Pillow does it (a = -0.5, support scaled by the
 * reduction, 22-bit fixed-point weights, 8-bit intermediate image, horizontal pass first but for tall images), because that is what the
 * published models were trained and evaluated with. Only the rows and columns inside the crop are computed.
 */

import type { Region } from '../../src/images/region.ts';
import { bicubic } from '../../src/images/weights.ts';

const PRECISION = 22;
const ROUND = 1 << (PRECISION - 1);
const SUPPORT = 2;

/** For each output position its first input position, number of weights, and the weights in 22-bit fixed point. */
interface Weights {
  first: Int32Array;
  count: Int32Array;
  /** [positions * stride] */
  values: Int32Array;
  stride: number;
}

/** Weights of output positions offset .. offset + length - 1 when `input` positions become `output`. */
function weights(input: number, output: number, offset: number, length: number): Weights {
  const scale = input / output;
  const reach = Math.max(scale, 1);
  const support = SUPPORT * reach;
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const values = new Int32Array(length * stride);
  const w = new Float64Array(stride);
  for (let i = 0; i < length; i++) {
    const centre = (offset + i + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - support + 0.5));
    const to = Math.min(input, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let x = from; x < to; x++) {
      w[x - from] = bicubic((x - centre + 0.5) / reach);
      sum += w[x - from] as number;
    }
    first[i] = from;
    count[i] = to - from;
    for (let k = 0; k < to - from; k++) {
      const v = ((w[k] as number) / sum) * 2 ** PRECISION;
      values[i * stride + k] = Math.trunc(v < 0 ? v - 0.5 : v + 0.5);
    }
  }
  return { first, count, values, stride };
}

/** RGB [height, width, 3] -> RGB [width, height, 3], lines and columns exchanged. */
function transposed(pixels: Uint8Array, width: number, height: number): Uint8Array {
  const out = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) out[(x * height + y) * 3 + c] = pixels[(y * width + x) * 3 + c] as number;
    }
  }
  return out;
}

/** uint8 RGB [height, width, 3] -> uint8 RGB [size, size, 3]: the square `region` of the resized image. */
export function plainResample(pixels: Uint8Array, width: number, height: number, region: Region): Uint8Array {
  const { size } = region;
  if (!(height > 2 * width && region.height < height)) return twoPasses(pixels, width, height, region);
  // the vertical pass first is the horizontal pass first of the image on its side
  const aside = { width: region.height, height: region.width, left: region.top, top: region.left, size };
  return transposed(twoPasses(transposed(pixels, width, height), height, width, aside), size, size);
}

function twoPasses(pixels: Uint8Array, width: number, height: number, region: Region): Uint8Array {
  const { size } = region;
  const h = weights(width, region.width, region.left, size);
  const v = weights(height, region.height, region.top, size);
  const firstRow = v.first[0] as number;
  const lastRow = (v.first[size - 1] as number) + (v.count[size - 1] as number);

  const rows = lastRow - firstRow;
  // clamped arrays: the kernel's negative lobes overshoot on both sides
  const stripe = new Uint8ClampedArray(rows * size * 3);
  horizontal(pixels, width, firstRow, stripe, rows, size, h);
  return vertical(stripe, firstRow, size, v);
}

function horizontal(
  pixels: Uint8Array,
  width: number,
  firstRow: number,
  out: Uint8ClampedArray,
  rows: number,
  size: number,
  { first, count, values, stride }: Weights,
): void {
  for (let y = 0; y < rows; y++) {
    const row = (firstRow + y) * width;
    for (let x = 0; x < size; x++) {
      let r = ROUND;
      let g = ROUND;
      let b = ROUND;
      let at = (row + (first[x] as number)) * 3;
      const base = x * stride;
      const end = base + (count[x] as number);
      for (let k = base; k < end; k++, at += 3) {
        const w = values[k] as number;
        r += (pixels[at] as number) * w;
        g += (pixels[at + 1] as number) * w;
        b += (pixels[at + 2] as number) * w;
      }
      const o = (y * size + x) * 3;
      out[o] = r >> PRECISION;
      out[o + 1] = g >> PRECISION;
      out[o + 2] = b >> PRECISION;
    }
  }
}

function vertical(
  stripe: Uint8ClampedArray,
  firstRow: number,
  size: number,
  { first, count, values, stride }: Weights,
): Uint8Array {
  const line = size * 3;
  const out = new Uint8ClampedArray(size * line);
  const sums = new Int32Array(line);
  for (let y = 0; y < size; y++) {
    sums.fill(ROUND);
    const start = (first[y] as number) - firstRow;
    for (let k = 0; k < (count[y] as number); k++) {
      const w = values[y * stride + k] as number;
      const at = (start + k) * line;
      for (let i = 0; i < line; i++) sums[i] = (sums[i] as number) + (stripe[at + i] as number) * w;
    }
    for (let i = 0; i < line; i++) out[y * line + i] = (sums[i] as number) >> PRECISION;
  }
  return new Uint8Array(out.buffer);
}
