import {
  EXTRA_PRECISIONS,
  type ExtraFile,
  type ExtraPrecision,
  graphFile,
  type Manifest,
  type Part,
  type Precision,
  type PrecisionQuality,
} from './manifest.ts';

type Entry = NonNullable<NonNullable<Manifest['precisions']>[ExtraPrecision]>;

/** What the service demands of a lower precision before it takes it unasked; an operator may force less. */
export const ACCEPTABLE = { meanCosine: 0.995, minCosine: 0.98, equalDecisions: 0.97, images: 20 } as const;

/** Precisions of a bundle, the base first. */
export function offered(manifest: Manifest): Precision[] {
  return [manifest.precision, ...EXTRA_PRECISIONS.filter((p) => p !== manifest.precision && manifest.precisions?.[p])];
}

/** The manifest's entry of a precision that is not the base. */
export function extraOf(manifest: Manifest, precision: Precision): Entry | undefined {
  return precision === 'fp32' || precision === manifest.precision ? undefined : manifest.precisions?.[precision];
}

/** Files of the graphs that a precision has of its own. */
export function extraGraphs(manifest: Manifest, precision: Precision): Partial<Record<Part, ExtraFile>> {
  const parts = extraOf(manifest, precision)?.graphs ?? [];
  return Object.fromEntries(parts.map((part) => [part, graphFile(part, precision as ExtraPrecision)]));
}

/** Why a measured cost is too high, or says too little, to be taken unasked; undefined where it is neither. */
export function objection(quality: PrecisionQuality): string | undefined {
  const { inputs, images, equal_decisions: equal } = quality;
  const cosines = [quality.image_cosine, ...(quality.text_cosine ? [quality.text_cosine] : [])];
  const mean = Math.min(...cosines.map((c) => c.mean));
  const min = Math.min(...cosines.map((c) => c.min));
  if (inputs !== 'photographs' || images < ACCEPTABLE.images)
    return `its cost was measured on ${images} ${inputs === 'made' ? 'made images' : inputs}, ${ACCEPTABLE.images} photographs are the least`;
  if (equal < ACCEPTABLE.equalDecisions)
    return `${(100 * equal).toFixed(1)} % of its decisions equal those of the base, ${100 * ACCEPTABLE.equalDecisions} % are the least`;
  if (mean < ACCEPTABLE.meanCosine || min < ACCEPTABLE.minCosine)
    return `its features have cosine ${mean.toFixed(4)} (least ${min.toFixed(4)}) with the base, ${ACCEPTABLE.meanCosine} (${ACCEPTABLE.minCosine}) is the least`;
  return undefined;
}

export interface Target {
  device: 'cpu' | 'gpu';
  /** The processor multiplies 8-bit numbers in one instruction (VNNI, dot product): without it int8 gains little and may saturate. */
  fastInt8: boolean;
}

/**
 * The precision to serve with, and why. `auto`: int8 on a CPU, fp16 on a GPU, where the bundle has it at an acceptable cost,
 * else the base. A wanted precision is returned as it is: whether the bundle has it is for `withPrecision` to say.
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
  if (against) return base(`${lower} is not taken unasked: ${against}`);
  const { equal_decisions: equal, images } = extra.quality;
  return {
    precision: lower,
    why: `${(100 * equal).toFixed(1)} % of ${images} decisions equal those of ${manifest.precision}`,
  };
}
