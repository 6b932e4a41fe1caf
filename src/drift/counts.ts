import { type Static, Type } from 'typebox';

/** Bins of the no probability: half-units of its logit from -8 to 8, the scale on which CLIPN computes it. */
export const BINS = 32;

/** Numbers of verdicts by property. Adding two of these field by field gives the counts of both together. */
export const Counts = Type.Object({
  images: Type.Integer({ minimum: 0 }),
  ood: Type.Integer({ minimum: 0 }),
  no_probability: Type.Array(Type.Integer({ minimum: 0 }), { minItems: BINS, maxItems: BINS }),
  /** By name of the predicted class. */
  classes: Type.Record(Type.String(), Type.Integer({ minimum: 0 })),
});
export type Counts = Static<typeof Counts>;

/** The part of a verdict that is counted. */
export interface CountedVerdict {
  ood: boolean;
  noProbability: number;
  predicted: string;
}

export const noCounts = (): Counts => ({ images: 0, ood: 0, no_probability: new Array(BINS).fill(0), classes: {} });

function binOf(probability: number): number {
  const p = Math.min(Math.max(probability, 1e-9), 1 - 1e-9);
  return Math.min(BINS - 1, Math.max(0, Math.floor((Math.log(p / (1 - p)) + 8) * 2)));
}

export function addTo(counts: Counts, { ood, noProbability, predicted }: CountedVerdict): void {
  counts.images++;
  if (ood) counts.ood++;
  const bin = binOf(noProbability);
  counts.no_probability[bin] = (counts.no_probability[bin] as number) + 1;
  // a class may be called __proto__, so only own keys count
  const before = Object.hasOwn(counts.classes, predicted) ? (counts.classes[predicted] as number) : 0;
  Object.defineProperty(counts.classes, predicted, {
    value: before + 1,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

export function sum(all: Iterable<Counts>): Counts {
  const total = noCounts();
  const classes = new Map<string, number>();
  for (const counts of all) {
    total.images += counts.images;
    total.ood += counts.ood;
    counts.no_probability.forEach((n, i) => {
      total.no_probability[i] = (total.no_probability[i] as number) + n;
    });
    for (const [name, n] of Object.entries(counts.classes)) classes.set(name, (classes.get(name) ?? 0) + n);
  }
  return { ...total, classes: Object.fromEntries(classes) };
}
