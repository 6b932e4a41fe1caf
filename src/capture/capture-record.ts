import type { Decision, Decisions, Rule, Scores } from '../clipn/index.ts';
import type { Detection } from '../engine/index.ts';
import type { Band, Calibrated } from '../tenants/calibration/serving.ts';
import type { LooksLike } from '../tenants/negatives/looks-like.ts';
import type { Serving } from '../tenants/tenant.ts';

/** Why an image is kept: the first of these that holds. `uncertain` needs a calibration. */
export const REASONS = ['uncertain', 'disagreeing', 'out', 'rest'] as const;
export type Reason = (typeof REASONS)[number];

/** A verdict and the file that it is about, as the service has just given it. */
export interface Observed {
  tenant: string;
  bytes: Uint8Array;
  /** With the calibrated decision, if the tenant has a calibration that applies. */
  detection: Detection;
  calibrated?: Calibrated | undefined;
  /** The tenant's own rule, and its decision. */
  rule: Rule;
  decision: Decision;
  serving: Pick<Serving, 'version' | 'classes' | 'model' | 'pins'>;
  /** Id of the client's request. */
  requestId?: string | undefined;
  /** Finds the words that a refused image looks like; undefined where it has none. Called for images that are stored. */
  looksLike?: (() => Promise<LooksLike[]>) | undefined;
}

/** The facts of the verdict on an image, without the image. */
export interface RecordedVerdict {
  tenant_version: number;
  model: { name: string; version: string };
  /** Identifies classes, templates and model: verdicts with the same value can be compared; from `Serving.pins`. */
  features: string;
  /** Identifies the negative labels, which the decisions and scores by them depend on; absent without them. */
  negatives?: string;
  /** The rule of the tenant at that time, and its decision. */
  method: Rule;
  decision: Decision;
  decisions: Decisions;
  scores: Scores;
  /** Of the calibration; absent without one that applies. */
  band?: Band;
  p_value?: number;
  prediction: { class: string; probability: number };
  no_probability: number;
  ood_probability: number;
  /** The words that a refused image looks like, of tenants with negative labels; absent where they could not be found. */
  looks_like?: LooksLike[];
}

/** How an image was drawn from the stream of verdicts. */
export interface Drawn {
  reason: Reason;
  /** Group of verdicts that were counted together; see `Population`. */
  stratum: string;
  /** Probability with which the image was drawn. */
  probability: number;
  /** Number of verdicts that the image stands for: the sum of 1 / probability over the draws of this image and of those nearly equal to it. */
  weight: number;
}

/** A kept image; `key` is its SHA-256. */
export interface CaptureRecord extends RecordedVerdict, Drawn {
  key: string;
  captured_at: string;
  /** The end of the retention at that time; a shorter one of the tenant's rules holds too. */
  expires_at: string;
  bytes: number;
  width: number;
  height: number;
  format: string;
  request_id?: string;
}
