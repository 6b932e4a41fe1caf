/** An observed share with its confidence interval. */
export interface Share {
  value: number;
  low: number;
  high: number;
}

/** 97.5 % point of the normal distribution: two-sided 95 %. */
const Z = 1.959963984540054;

/** Wilson's score interval (1927), 95 %. It holds at small counts and at shares of 0 and 1, where the normal one is empty. */
export function wilson(hits: number, total: number): Share {
  if (total === 0) return { value: 0, low: 0, high: 1 };
  const p = hits / total;
  const z2 = Z * Z;
  const centre = (p + z2 / (2 * total)) / (1 + z2 / total);
  const half = (Z / (1 + z2 / total)) * Math.sqrt((p * (1 - p)) / total + z2 / (4 * total * total));
  return { value: p, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
