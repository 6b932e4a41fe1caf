/** Adds row `from` of `rows`, L2-normalised, to row `to` of `sum`. Source: prompt ensembling of CLIP and CLIPN. */
export function addNormalised(sum: Float64Array, to: number, rows: Float32Array, from: number, width: number): void {
  const length = norm(rows, from * width, width);
  for (let i = 0; i < width; i++) {
    sum[to * width + i] = (sum[to * width + i] as number) + (rows[from * width + i] as number) / length;
  }
}

/** Scales each row to unit length; float32 [n * width]. */
export function normalise(sum: Float64Array, width: number): Float32Array {
  const out = new Float32Array(sum.length);
  for (let at = 0; at < sum.length; at += width) {
    const length = norm(sum, at, width);
    for (let i = at; i < at + width; i++) out[i] = (sum[i] as number) / length;
  }
  return out;
}

function norm(values: Float32Array | Float64Array, at: number, width: number): number {
  let squares = 0;
  for (let i = at; i < at + width; i++) squares += (values[i] as number) ** 2;
  return Math.sqrt(squares);
}

/** Index of the first of the rows [n * width] that has no direction: all zeros, or a number that is not finite. Undefined if there is none. */
export function unusableRow(rows: Float32Array, width: number): number | undefined {
  for (let at = 0; at < rows.length; at += width) {
    const length = norm(rows, at, width);
    if (!(length > 0 && Number.isFinite(length))) return at / width;
  }
  return undefined;
}

/** Largest difference of a row's length from 1; infinite if a number is not finite. */
export function lengthError(rows: Float32Array, width: number): number {
  let worst = 0;
  for (let at = 0; at < rows.length; at += width) {
    const error = Math.abs(norm(rows, at, width) - 1);
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
  }
  return worst;
}
