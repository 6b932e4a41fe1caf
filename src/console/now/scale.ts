/** The smallest number of the form 1, 2 or 5 times a power of ten that is at least as large. */
export function niceTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((m) => m * power >= value * 0.999) ?? 10) * power;
}
