/** "zoo=4,shop=0.5" to numbers by tenant; the form is checked by the schema. */
export function parseWeights(text: string): Map<string, number> {
  const pairs = text.split(',').filter(Boolean);
  return new Map(
    pairs.map((pair) => {
      const [tenant, weight] = pair.split('=') as [string, string];
      return [tenant, Math.min(100, Math.max(0.01, Number(weight)))];
    }),
  );
}
