import sharp from 'sharp';
import { BundleError } from '../../bundle/errors.ts';
import { readGolden } from '../../bundle/golden.ts';
import { type Bundle, loadBundle, withPrecision } from '../../bundle/load.ts';
import type { Precision } from '../../bundle/manifest.ts';
import { offered } from '../../bundle/precision.ts';
import type { Config } from '../../config/index.ts';
import { Engine } from '../../engine/index.ts';
import { ServiceError } from '../../errors/index.ts';
import { engineOptions } from '../../serving/engine-options.ts';
import { devicesOf } from '../../serving/open-bundle.ts';

/** Results of the graphs of one precision on this machine. */
export interface Proof {
  precision: Precision;
  device: string;
  /** Largest absolute difference of an image feature from PyTorch's output when the bundle was made. */
  feature_difference: number;
  /** The same for the probabilities of the golden verdicts, through decoding, features, heads and scores. */
  probability_difference: number;
}

export interface Verification {
  faults: string[];
  /** One for each precision that could run. */
  proofs: Proof[];
}

const HEAD = 'golden';

/**
 * Sends the golden images as files through a running engine, with class features that are computed here, and compares the
 * verdicts with the golden ones. Returns the largest difference of a probability.
 */
async function goldenVerdicts(bundle: Bundle, engine: Engine): Promise<number> {
  const { image, verdict } = await readGolden(bundle);
  const { templates } = bundle.manifest;
  const names = verdict.classes;
  const [yes, no] = await Promise.all([
    engine.build({ names, templates: templates.yes, tower: 'yes' }),
    engine.build({ names, templates: templates.no ?? templates.yes, tower: 'no' }),
  ]);
  await engine.putHead(HEAD, { classes: names, yes, no });
  const [count, height, width, channels] = image.pixels.shape as [number, number, number, 3];
  const stride = height * width * channels;
  let worst = 0;
  const compare = (ours: number, theirs: number | undefined) => {
    const difference = Math.abs(ours - (theirs ?? Number.NaN));
    worst = Math.max(worst, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
  };
  for (let i = 0; i < count; i++) {
    const pixels = image.pixels.data.subarray(i * stride, (i + 1) * stride);
    // a lossless file of the model's own size, so that decoding returns exactly these pixels
    const bytes = await sharp(pixels, { raw: { width, height, channels } }).png().toBuffer();
    const detection = await engine.detect({ bytes, headId: HEAD, tenant: HEAD, topK: names.length });
    compare(detection.oodProbability, verdict.pOod.data[i]);
    for (const { index, probability, noProbability } of detection.top) {
      compare(probability, verdict.p.data[i * names.length + index]);
      compare(noProbability, verdict.pNo.data[i * names.length + index]);
    }
  }
  return worst;
}

function faultsOf(error: unknown): string[] {
  if (error instanceof BundleError) return [...error.faults];
  if (!(error instanceof ServiceError)) throw error;
  // the internal text is shown too, because the user of this command is the operator
  return [error.internal === undefined ? error.message : `${error.message} ${error.internal.split('\n')[0]}`];
}

/** Runs the golden file on one precision. @throws BundleError or ServiceError when the graphs cannot serve on this machine */
async function prove(bundle: Bundle, config: Config, devices: string[]): Promise<Proof> {
  const { tolerance } = await readGolden(bundle);
  const proof: Proof = { precision: bundle.precision, device: '', feature_difference: 0, probability_difference: 0 };
  const engine = new Engine({
    ...engineOptions(config, bundle, devices),
    observer: {
      log: (_level, message, { device, goldenMaxDifference }) => {
        if (message !== 'engine ready') return;
        proof.device = String(device);
        proof.feature_difference = Number(goldenMaxDifference);
      },
    },
  });
  try {
    await engine.start();
    const difference = await goldenVerdicts(bundle, engine);
    // a cosine may differ by about the tolerance, a logit by scale times that, and a probability by no more than its logit
    const limit =
      bundle.manifest.logit_scale * Math.max(bundle.tolerance.image ?? 0, bundle.tolerance.text ?? 0, tolerance);
    if (difference > limit) {
      throw new BundleError(bundle.dir, [
        `the golden verdicts differ: a probability by ${difference}, at most ${limit} is accepted`,
      ]);
    }
    return { ...proof, probability_difference: difference };
  } finally {
    await engine.stop();
  }
}

/**
 * Checks a bundle on this machine as the service does before it serves: checksums; in separate processes, the graph contracts
 * and the golden file; then the golden verdicts from end to end. All of this for every precision of the bundle.
 */
export async function verifyBundle(dir: string, config: Config): Promise<Verification> {
  const found: Verification = { faults: [], proofs: [] };
  try {
    // the engine checks the checksums
    const bundle = await loadBundle(dir, { checksums: false });
    const { devices } = await devicesOf(config, bundle);
    for (const precision of offered(bundle.manifest)) {
      try {
        found.proofs.push(await prove(withPrecision(bundle, precision), config, devices));
      } catch (error) {
        found.faults.push(...faultsOf(error).map((fault) => `${precision}: ${fault}`));
      }
    }
  } catch (error) {
    found.faults.push(...faultsOf(error));
  }
  return found;
}
