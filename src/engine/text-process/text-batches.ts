/**
 * Tokens of one run: enough to use all cores, and few enough to fit their caches and to check for a cancellation between
 * runs.
 */
const TOKENS = 1024;

/**
 * Groups texts of similar length, because the longest text of a batch sets its cost. `lengths[i]` in tokens; returns
 * batches of indices, shortest first, every index once. Batch size times longest text is at most `budget`, except for a
 * batch of one text.
 */
export function planBatches(lengths: ArrayLike<number>, budget = TOKENS): number[][] {
  const length = (i: number) => lengths[i] as number;
  const order = Array.from({ length: lengths.length }, (_, i) => i).sort((a, b) => length(a) - length(b));
  const batches: number[][] = [];
  let batch: number[] = [];
  for (const i of order) {
    // lengths are sorted, so the newest text is the longest
    if (batch.length > 0 && (batch.length + 1) * length(i) > budget) {
      batches.push(batch);
      batch = [];
    }
    batch.push(i);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/** Token ids of the rows at `indices`, padded at the end to the longest of them: [indices.length * T]. */
export function padRows(rows: readonly (readonly number[])[], indices: readonly number[], pad: number): BigInt64Array {
  const width = Math.max(...indices.map((i) => (rows[i] as number[]).length));
  const tokens = new BigInt64Array(indices.length * width).fill(BigInt(pad));
  for (const [r, index] of indices.entries()) {
    for (const [c, id] of (rows[index] as number[]).entries()) tokens[r * width + c] = BigInt(id);
  }
  return tokens;
}
