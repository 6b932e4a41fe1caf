/**
 * Tokens of one run: enough to fill the cores, little enough to look for a cancellation in between and to stay in their
 * caches.
 */
const TOKENS = 1024;

/**
 * Puts texts of like length together: a text costs what the longest of its batch costs. `lengths[i]` in tokens; returns
 * batches of indices, shortest first, every index once. A batch times its longest text is at most `budget`, unless it is
 * one text.
 */
export function planBatches(lengths: ArrayLike<number>, budget = TOKENS): number[][] {
  const length = (i: number) => lengths[i] as number;
  const order = Array.from({ length: lengths.length }, (_, i) => i).sort((a, b) => length(a) - length(b));
  const batches: number[][] = [];
  let batch: number[] = [];
  for (const i of order) {
    // sorted: the newest is the longest
    if (batch.length > 0 && (batch.length + 1) * length(i) > budget) {
      batches.push(batch);
      batch = [];
    }
    batch.push(i);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/** Token ids of the rows named, padded behind their ends to the longest of them: [indices.length * T]. */
export function padRows(rows: readonly (readonly number[])[], indices: readonly number[], pad: number): BigInt64Array {
  const width = Math.max(...indices.map((i) => (rows[i] as number[]).length));
  const tokens = new BigInt64Array(indices.length * width).fill(BigInt(pad));
  for (const [r, index] of indices.entries()) {
    for (const [c, id] of (rows[index] as number[]).entries()) tokens[r * width + c] = BigInt(id);
  }
  return tokens;
}
