import {
  EXTRA_PRECISIONS,
  type ExtraFile,
  type ExtraPrecision,
  type GraphPart,
  graphFile,
  type Manifest,
  type Precision,
  type PrecisionQuality,
} from './manifest.ts';

type PrecisionEntry = NonNullable<NonNullable<Manifest['precisions']>[ExtraPrecision]>;

/**
 * Requirements for a lower precision under `auto`. An operator may select a precision that does not meet them. `surely`: the lower
 * bound of the share of equal decisions at a confidence of 95 %.
 */
export const ACCEPTABLE = {
  meanCosine: 0.995,
  minCosine: 0.98,
  equalDecisions: 0.98,
  surely: 0.96,
  images: 200,
} as const;

/** One-sided 95 % quantile of the normal distribution. */
const Z = 1.645;

/** Lower bound of a share that was found in n trials. Source: Wilson 1927, the score interval. */
export function lowerBound(share: number, n: number): number {
  const z2 = Z ** 2 / n;
  return (share + z2 / 2 - Z * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n))) / (1 + z2);
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** Precisions of a bundle, the base first. */
export function offered(manifest: Manifest): Precision[] {
  return [manifest.precision, ...EXTRA_PRECISIONS.filter((p) => p !== manifest.precision && manifest.precisions?.[p])];
}

/** The manifest's entry of a precision that is not the base. */
export function extraOf(manifest: Manifest, precision: Precision): PrecisionEntry | undefined {
  return precision === 'fp32' || precision === manifest.precision ? undefined : manifest.precisions?.[precision];
}

/** Files of a precision's own graphs. */
export function extraGraphs(manifest: Manifest, precision: Precision): Partial<Record<GraphPart, ExtraFile>> {
  const parts = extraOf(manifest, precision)?.graphs ?? [];
  return Object.fromEntries(parts.map((part) => [part, graphFile(part, precision as ExtraPrecision)]));
}

/** The reason why `auto` does not accept a measured cost: too high, or measured on too few images. Undefined if it does. */
export function objection(quality: PrecisionQuality): string | undefined {
  const { inputs, images, equal_decisions: equal } = quality;
  const cosines = [quality.image_cosine, ...(quality.text_cosine ? [quality.text_cosine] : [])];
  const mean = Math.min(...cosines.map((c) => c.mean));
  const min = Math.min(...cosines.map((c) => c.min));
  if (inputs !== 'photographs' || images < ACCEPTABLE.images)
    return `its cost was measured on ${images} ${inputs === 'made' ? 'made images' : inputs}, at least ${ACCEPTABLE.images} photographs are required`;
  if (equal < ACCEPTABLE.equalDecisions)
    return `${percent(equal)} of its decisions equal those of the base, at least ${percent(ACCEPTABLE.equalDecisions)} are required`;
  const bound = lowerBound(equal, images);
  if (bound < ACCEPTABLE.surely)
    return `${percent(equal)} of ${images} decisions equal those of the base, a share of ${percent(bound)} at a confidence of 95 %; at least ${percent(ACCEPTABLE.surely)} is required`;
  if (mean < ACCEPTABLE.meanCosine || min < ACCEPTABLE.minCosine)
    return `its features have cosine ${mean.toFixed(4)} (least ${min.toFixed(4)}) with the base, at least ${ACCEPTABLE.meanCosine} (${ACCEPTABLE.minCosine}) is required`;
  return undefined;
}

export interface Target {
  device: 'cpu' | 'gpu';
  /** Whether the processor has instructions for 8-bit products (VNNI, dot product). Without them int8 gains little. */
  fastInt8: boolean;
}

/**
 * The precision to serve with, and the reason. `auto` is int8 on a CPU and fp16 on a GPU if the bundle has it at an acceptable cost,
 * otherwise the base. A named precision is returned as it is; `withPrecision` checks that the bundle has it.
 */
export function choosePrecision(
  manifest: Manifest,
  wanted: Precision | 'auto',
  { device, fastInt8 }: Target,
): { precision: Precision; why: string } {
  if (wanted !== 'auto') return { precision: wanted, why: 'as configured' };
  const lower = device === 'gpu' ? 'fp16' : 'int8';
  const extra = extraOf(manifest, lower);
  const base = (why: string) => ({ precision: manifest.precision, why });
  if (!extra) return base(`the bundle has no ${lower} for a ${device.toUpperCase()}`);
  if (lower === 'int8' && !fastInt8) return base('this processor has no fast 8-bit products');
  const against = objection(extra.quality);
  if (against) return base(`${lower} is not selected automatically: ${against}`);
  const { equal_decisions: equal, images } = extra.quality;
  return {
    precision: lower,
    why: `${percent(equal)} of ${images} decisions equal those of ${manifest.precision}`,
  };
}
