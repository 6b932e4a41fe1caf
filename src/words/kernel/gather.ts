/**
 * Products of one vector with chosen rows of a matrix, in AssemblyScript (https://www.assemblyscript.org): eight products in one instruction.
 * `npm run build` compiles this file to dist/words/gather.wasm; ../word-matrix.ts describes the arguments and has the same sums in plain code.
 */

/** The sum of eight products, added to four sums. */
function add(sums: v128, vector: usize, row: usize): v128 {
  return i32x4.add(sums, i32x4.dot_i16x8_s(v128.load(vector), v128.load(row)));
}

function total(sums: v128): i32 {
  const low = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1);
  return low + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
}

/**
 * For each i: out[i] = sum over k of vector[k] * rows[indices[i] * stride + k], of 16-bit integers, as a 32-bit integer. `stride` is a multiple
 * of 32. Both are unit vectors in steps of 1 / 32767, so that by the inequality of Cauchy and Schwarz every partial sum is below 2^31.
 *
 * Rows are far apart in memory. Four at a time let the processor wait for four of them at once.
 */
export function gather(rows: usize, stride: i32, vector: usize, indices: usize, count: i32, out: usize): void {
  const bytes = (<usize>stride) << 1;
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = indices + ((<usize>i) << 2);
    const a = rows + <usize>load<u32>(at) * bytes;
    const b = rows + <usize>load<u32>(at, 4) * bytes;
    const c = rows + <usize>load<u32>(at, 8) * bytes;
    const d = rows + <usize>load<u32>(at, 12) * bytes;
    let sumA = i32x4.splat(0);
    let sumB = i32x4.splat(0);
    let sumC = i32x4.splat(0);
    let sumD = i32x4.splat(0);
    for (let k: usize = 0; k < bytes; k += 16) {
      const part = vector + k;
      sumA = add(sumA, part, a + k);
      sumB = add(sumB, part, b + k);
      sumC = add(sumC, part, c + k);
      sumD = add(sumD, part, d + k);
    }
    const to = out + ((<usize>i) << 2);
    store<i32>(to, total(sumA));
    store<i32>(to, total(sumB), 4);
    store<i32>(to, total(sumC), 8);
    store<i32>(to, total(sumD), 12);
  }
  for (; i < count; i++) {
    const row = rows + <usize>load<u32>(indices + ((<usize>i) << 2)) * bytes;
    let sum = i32x4.splat(0);
    for (let k: usize = 0; k < bytes; k += 16) sum = add(sum, vector + k, row + k);
    store<i32>(out + ((<usize>i) << 2), total(sum));
  }
}
