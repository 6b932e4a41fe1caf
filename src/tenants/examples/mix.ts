/**
 * Class features from names and example images. Sources: prototype averaging (Snell, Swersky and Zemel, "Prototypical Networks", arXiv
 * 1703.05175), and the mix of image prototypes with text features as in Tip-Adapter (Zhang et al., arXiv 2111.03930), whose residual weight
 * is here a function of the number of examples.
 *
 * Features of images have a large part in common, whatever they show (the modality gap: Liang et al., arXiv 2203.02053). The bundle has an
 * orthogonal rows V for it: the direction of the mean photograph, b, then those in which photographs differ most, of unit length; then shorter
 * rows, the directions in which photographs of one class differ most. A row of length sqrt(1 - s) leaves the share s of its direction: whitening by the
 * covariance within classes (WCCN: Hatch, Kajarekar and Stolcke, Interspeech 2006). With m the mean of n examples and t the yes feature of the
 * name:
 *
 *   prototype  e = unit(m - V'V m)
 *   class      unit(t + w (e - g b)),  w = 0.55 n / (n + 1),  g = 0.08
 *
 * -g b lowers the cosine of every photograph by about the same, so that a photograph of no class does not gain from the examples; the no
 * feature stays that of the name. The constants and the directions were chosen on classes that no published figure uses (draw `choice`
 * of models/clipn_models/default/apart.py).
 */
const MOST_WEIGHT = 0.55;
const LOWERED = 0.08;

/** Weight of the prototype of n examples against the name's feature, whose weight is 1. */
export function weightOf(examples: number): number {
  return (MOST_WEIGHT * examples) / (examples + 1);
}

function unit(row: Float64Array): Float64Array {
  const length = Math.hypot(...row);
  return length === 0 ? row : row.map((x) => x / length);
}

/**
 * @param text unit length, [D]: the yes feature of the name
 * @param examples unit length, [D] each; at least one
 * @param directions orthogonal, [K * D], K >= 1, none longer than 1, the mean photograph first
 * @returns unit length, [D]
 */
export function mixed(
  text: ArrayLike<number>,
  examples: readonly Float64Array[],
  directions: Float32Array,
): Float64Array {
  const width = text.length;
  const rest = new Float64Array(width);
  for (const example of examples)
    for (let i = 0; i < width; i++) rest[i] = (rest[i] as number) + (example[i] as number);
  for (let k = 0; k < directions.length; k += width) {
    let along = 0;
    for (let i = 0; i < width; i++) along += (rest[i] as number) * (directions[k + i] as number);
    for (let i = 0; i < width; i++) rest[i] = (rest[i] as number) - along * (directions[k + i] as number);
  }
  const prototype = unit(rest);
  const weight = weightOf(examples.length);
  const sum = prototype.map((x, i) => (text[i] as number) + weight * (x - LOWERED * (directions[i] as number)));
  return unit(sum);
}
