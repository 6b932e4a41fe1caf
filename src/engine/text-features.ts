/** Adds L2-normalised rows [n * width] to `sum`. Source: CLIPN's and CLIP's prompt ensembling. */
export function addNormalised(sum: Float64Array, rows: Float32Array, width: number): void {
  for (let at = 0; at < rows.length; at += width) {
    const length = Math.hypot(...rows.subarray(at, at + width));
    for (let i = at; i < at + width; i++) sum[i] = (sum[i] as number) + (rows[i] as number) / length;
  }
}

/** Rows of unit length, float32 [n * width]. */
export function normalise(sum: Float64Array, width: number): Float32Array {
  const out = new Float32Array(sum.length);
  for (let at = 0; at < sum.length; at += width) {
    const length = Math.hypot(...sum.subarray(at, at + width));
    for (let i = at; i < at + width; i++) out[i] = (sum[i] as number) / length;
  }
  return out;
}
