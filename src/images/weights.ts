/** The weights of Pillow's bicubic resampling: a = -0.5, support widened by the reduction, rounded to 22 bits. */

const PRECISION = 22;
const LOW_BITS = 12;
const SUPPORT = 2;

export function bicubic(x: number): number {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * a;
  return 0;
}

/** ResampleWeights of one row or column. A weight is high * 2^12 + low, because the kernel multiplies 16 bits. */
export interface ResampleWeights {
  /** The first input position of each output position, relative to `from`. */
  first: Int32Array;
  /** [positions * taps]; entries after an output's last input are zero. */
  high: Int16Array;
  low: Int16Array;
  /** Number of weights of one output position, a multiple of four. */
  taps: number;
  /** The range of input positions that any output needs: from .. to - 1. */
  from: number;
  to: number;
}

/** ResampleWeights of output positions offset .. offset + length - 1 for a resize from `input` to `output` positions. */
export function weights(input: number, output: number, offset: number, length: number): ResampleWeights {
  const scale = input / output;
  const reach = Math.max(scale, 1);
  const support = SUPPORT * reach;
  const begin = (i: number) => Math.max(0, Math.trunc((offset + i + 0.5) * scale - support + 0.5));
  const end = (i: number) => Math.min(input, Math.trunc((offset + i + 0.5) * scale + support + 0.5));
  const taps = 4 * Math.ceil((Math.ceil(support) * 2 + 1) / 4);
  const from = begin(0);
  const first = new Int32Array(length);
  const high = new Int16Array(length * taps);
  const low = new Int16Array(length * taps);
  const w = new Float64Array(taps);
  for (let i = 0; i < length; i++) {
    const centre = (offset + i + 0.5) * scale;
    const start = begin(i);
    const count = end(i) - start;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      w[k] = bicubic((start + k - centre + 0.5) / reach);
      sum += w[k] as number;
    }
    first[i] = start - from;
    for (let k = 0; k < count; k++) {
      const v = ((w[k] as number) / sum) * 2 ** PRECISION;
      const fixed = Math.trunc(v < 0 ? v - 0.5 : v + 0.5);
      high[i * taps + k] = fixed >> LOW_BITS;
      low[i * taps + k] = fixed & (2 ** LOW_BITS - 1);
    }
  }
  return { first, high, low, taps, from, to: end(length - 1) };
}

/** The weights of output positions from .. to - 1, with inputs relative to the first of them. */
export function part({ first, high, low, taps, ...rest }: ResampleWeights, from: number, to: number): ResampleWeights {
  const begin = first[from] as number;
  return {
    ...rest,
    taps,
    first: first.slice(from, to).map((position) => position - begin),
    high: high.slice(from * taps, to * taps),
    low: low.slice(from * taps, to * taps),
  };
}
