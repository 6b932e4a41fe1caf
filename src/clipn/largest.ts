/** Indices of the `k` largest values above minus infinity, largest first, ties by index. Selection costs O(n k); k is small in practice. */
export function largest(values: ArrayLike<number>, k: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    const last = out.length === k ? (values[out[k - 1] as number] as number) : Number.NEGATIVE_INFINITY;
    if (k === 0 || value <= last) continue;
    let at = out.length;
    while (at > 0 && (values[out[at - 1] as number] as number) < value) at--;
    out.splice(at, 0, i);
    if (out.length > k) out.pop();
  }
  return out;
}
