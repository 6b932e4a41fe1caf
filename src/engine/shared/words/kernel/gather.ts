/**
 * Products of one vector with chosen rows of a matrix, in AssemblyScript (https://www.assemblyscript.org): eight products in one instruction.
 * `npm run build` compiles this file to dist/engine/gather.wasm; ../word-matrix.ts describes the arguments and has the same sums in plain code.
 */

/**
 * For each i: out[i] = sum over k of vector[k] * rows[indices[i] * stride + k], of 16-bit integers, as a 32-bit integer. `stride` is a multiple
 * of 32. Both are unit vectors in steps of 1 / 32767, so that by the inequality of Cauchy and Schwarz every partial sum is below 2^31.
 */
export function gather(rows: usize, stride: i32, vector: usize, indices: usize, count: i32, out: usize): void {
  const bytes = (<usize>stride) << 1;
  const end = vector + bytes;
  for (let i = 0; i < count; i++) {
    let a = i32x4.splat(0);
    let b = i32x4.splat(0);
    let row = rows + <usize>load<u32>(indices + ((<usize>i) << 2)) * bytes;
    for (let at = vector; at < end; at += 64, row += 64) {
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(at), v128.load(row)));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(at, 16), v128.load(row, 16)));
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(at, 32), v128.load(row, 32)));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(at, 48), v128.load(row, 48)));
    }
    const sum = i32x4.add(a, b);
    const low = i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1);
    const high = i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3);
    store<i32>(out + ((<usize>i) << 2), low + high);
  }
}
