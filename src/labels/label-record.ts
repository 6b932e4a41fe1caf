import type { Decisions, Scores } from '../clipn/index.ts';
import type { Keyed } from '../storage/records/record-store.ts';

/** The facts of the verdict on a labelled image, and of its draw. They stay when the image itself is removed. */
export interface LabelledVerdict {
  /** When the image was kept. */
  captured_at: string;
  tenant_version: number;
  model: { name: string; version: string };
  /** Identifies classes, templates and model: verdicts with the same value can be compared. */
  features: string;
  /** Identifies the negative labels; absent without them, and in labels that were given before it was noted. */
  negatives?: string;
  decisions: Decisions;
  scores: Scores;
  prediction: { class: string; probability: number };
  no_probability: number;
  ood_probability: number;
  /** Group of verdicts that were counted together. */
  stratum: string;
  /** Number of verdicts that the image stands for, by the probability of its draw. */
  weight: number;
}

/** A class of the tenant; none of its classes; or a person is unsure. */
export type Label = { kind: 'class'; class: string } | { kind: 'none' } | { kind: 'unsure' };

/** The label of one image of a tenant; `key` is the SHA-256 of the image. A later label replaces it. */
export interface LabelRecord extends Keyed {
  label: Label;
  /** Name of the person or program that gave the label. */
  by: string;
  at: string;
  /** Null for an image that was not kept: its label does not count for error rates. */
  verdict: LabelledVerdict | null;
}
