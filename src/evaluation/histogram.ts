/** Shares of values per bin of equal width over [low, high]; the last bin includes its upper end. */
export interface Histogram {
  low: number;
  high: number;
  shares: Float64Array;
}

/** Smallest and largest of several columns; a single value is widened so that bins have a width. */
export function rangeOf(columns: ArrayLike<number>[]): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const column of columns) {
    for (let i = 0; i < column.length; i++) {
      low = Math.min(low, column[i] as number);
      high = Math.max(high, column[i] as number);
    }
  }
  return low < high ? { low, high } : { low: low - 0.5, high: high + 0.5 };
}

/** @param values at least one, all within the range */
export function histogram(
  values: ArrayLike<number>,
  { low, high }: { low: number; high: number },
  bins: number,
): Histogram {
  const shares = new Float64Array(bins);
  const width = (high - low) / bins;
  for (let i = 0; i < values.length; i++) {
    const bin = Math.min(bins - 1, Math.floor(((values[i] as number) - low) / width));
    shares[bin] = (shares[bin] as number) + 1 / values.length;
  }
  return { low, high, shares };
}
