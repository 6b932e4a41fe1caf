/**
 * The two passes of the resampling, in AssemblyScript (https://www.assemblyscript.org): eight products in one instruction.
 * `npm run build` compiles this file to dist/images/resample.wasm; ../resample-kernel.ts describes the arguments.
 *
 * A weight has 22 bits, but a factor of the instruction has 16. So every weight is split: high * 2^12 + low. The kernel sums
 * both parts separately and combines the sums at the end, which keeps every bit.
 */

const PRECISION = 22;
const LOW_BITS = 12;

/** Sums of both parts -> grey levels. Negative lobes can exceed the range; the narrowing instructions after it clamp that. */
function level(high: v128, low: v128): v128 {
  const sum = i32x4.add(i32x4.shl(high, LOW_BITS), i32x4.add(low, i32x4.splat(1 << (PRECISION - 1))));
  return i32x4.shr_s(sum, PRECISION);
}

/**
 * Resamples each row: RGB pixels [rows, width] -> RGB bytes [rows, outStride].
 * Lanes hold red, green, blue and zero. Each step handles two neighbouring pixels, each iteration four.
 */
export function horizontal(
  pixels: usize,
  width: i32,
  rows: i32,
  out: usize,
  outStride: i32,
  size: i32,
  first: usize,
  high: usize,
  low: usize,
  taps: i32,
): void {
  const zero = i32x4.splat(0);
  for (let y = 0; y < rows; y++) {
    const row = pixels + <usize>y * width * 3;
    let to = out + <usize>y * outStride;
    let weight: usize = 0;
    for (let x = 0; x < size; x++, to += 3) {
      let at = row + <usize>load<i32>(first + ((<usize>x) << 2)) * 3;
      let highs = zero;
      let lows = zero;
      const end = weight + ((<usize>taps) << 1);
      for (; weight < end; weight += 8, at += 12) {
        const four = v128.load(at);
        // lanes: red of pixel 1, red of pixel 2, green, green, blue, blue; 16 bits each, upper bytes from `zero`
        const a = v128.shuffle<u8>(four, zero, 0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16);
        const b = v128.shuffle<u8>(four, zero, 6, 16, 9, 16, 7, 16, 10, 16, 8, 16, 11, 16, 16, 16, 16, 16);
        highs = i32x4.add(highs, i32x4.dot_i16x8_s(a, v128.load32_splat(high + weight)));
        lows = i32x4.add(lows, i32x4.dot_i16x8_s(a, v128.load32_splat(low + weight)));
        highs = i32x4.add(highs, i32x4.dot_i16x8_s(b, v128.load32_splat(high + weight, 4)));
        lows = i32x4.add(lows, i32x4.dot_i16x8_s(b, v128.load32_splat(low + weight, 4)));
      }
      const levels = i16x8.narrow_i32x4_s(level(highs, lows), zero);
      // stores four bytes of which three are the pixel; the next pixel overwrites the fourth, or the fourth is in the padding of the row
      store<i32>(to, i32x4.extract_lane(i8x16.narrow_i16x8_u(levels, zero), 0));
    }
  }
}

/** Bytes of rows [.., stride] -> `size` rows, each a weighted sum. `stride` is a multiple of eight; two rows at a time. */
export function vertical(
  rows: usize,
  stride: i32,
  out: usize,
  size: i32,
  first: usize,
  high: usize,
  low: usize,
  taps: i32,
): void {
  const zero = i32x4.splat(0);
  for (let y = 0; y < size; y++) {
    const top = rows + <usize>load<i32>(first + ((<usize>y) << 2)) * stride;
    const start = (<usize>y * taps) << 1;
    const end = start + ((<usize>taps) << 1);
    const to = out + <usize>y * stride;
    for (let x = 0; x < stride; x += 8) {
      let highA = zero;
      let lowA = zero;
      let highB = zero;
      let lowB = zero;
      let at = top + x;
      for (let weight = start; weight < end; weight += 4, at += (<usize>stride) << 1) {
        const upper = v128.load64_zero(at);
        const lower = v128.load64_zero(at + stride);
        const pairs = v128.shuffle<u8>(upper, lower, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const a = i16x8.extend_low_i8x16_u(pairs);
        const b = i16x8.extend_high_i8x16_u(pairs);
        const h = v128.load32_splat(high + weight);
        const l = v128.load32_splat(low + weight);
        highA = i32x4.add(highA, i32x4.dot_i16x8_s(a, h));
        lowA = i32x4.add(lowA, i32x4.dot_i16x8_s(a, l));
        highB = i32x4.add(highB, i32x4.dot_i16x8_s(b, h));
        lowB = i32x4.add(lowB, i32x4.dot_i16x8_s(b, l));
      }
      const levels = i16x8.narrow_i32x4_s(level(highA, lowA), level(highB, lowB));
      v128.store64_lane(to + x, i8x16.narrow_i16x8_u(levels, zero), 0);
    }
  }
}
