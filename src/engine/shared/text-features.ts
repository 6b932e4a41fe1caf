/** Row `from` of `rows`, L2-normalised, is added to row `to` of `sum`. Source: CLIPN's and CLIP's prompt ensembling. */
export function addNormalised(sum: Float64Array, to: number, rows: Float32Array, from: number, width: number): void {
  const length = norm(rows, from * width, width);
  for (let i = 0; i < width; i++) {
    sum[to * width + i] = (sum[to * width + i] as number) + (rows[from * width + i] as number) / length;
  }
}

/** Rows of unit length, float32 [n * width]. */
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

/** The first of the rows [n * width] that is no direction: with a number that is not finite, or all zeros; undefined where all are good. */
export function unusableRow(rows: Float32Array, width: number): number | undefined {
  for (let at = 0; at < rows.length; at += width) {
    const length = norm(rows, at, width);
    if (!(length > 0 && Number.isFinite(length))) return at / width;
  }
  return undefined;
}

/** How far the longest or shortest of the rows is from unit length; infinite where a number is not finite. */
export function lengthError(rows: Float32Array, width: number): number {
  let worst = 0;
  for (let at = 0; at < rows.length; at += width) {
    const error = Math.abs(norm(rows, at, width) - 1);
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
  }
  return worst;
}
