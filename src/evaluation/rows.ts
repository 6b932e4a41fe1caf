import { type Decision, type Decisions, decisionKey, METHODS, SCORES, type Scores } from '../clipn/index.ts';

export { SCORES };

/** The members of `decisions` that every verdict has. */
export const RULES = METHODS.map(decisionKey);
export type RuleName = (typeof RULES)[number];

/** A value for each score that every verdict has, and for those that only some verdicts have. */
export type PerScore<T> = Record<(typeof SCORES)[number], T> & { readonly [further: string]: T | undefined };
/** The same for rules. */
export type PerRule<T> = Record<RuleName, T> & { readonly [further: string]: T | undefined };

/** A word that an image looks like. */
export interface LikeWord {
  word: string;
  probability: number;
}

/** Identity and state of an image: a file that was replaced is another image. */
export interface ImageKey {
  set: string;
  /** Relative to the set's folder, with forward slashes. */
  path: string;
  bytes: number;
  mtime_ms: number;
}

/** The engine's verdict on one image. */
export interface ScoredRow extends ImageKey {
  /** Index of its own class; absent for OOD images. */
  class?: number;
  /** Index of the likeliest class. */
  index: number;
  scores: Scores;
  decisions: Decisions;
  /** With negative labels, of an image of a class that a rule refuses: the words that it looks like. */
  looks_like?: readonly LikeWord[];
}

/** An image without a verdict. */
export interface FailedRow extends ImageKey {
  class?: number;
  error: { code: string; detail: string };
}

export type Row = ScoredRow | FailedRow;

export const isFailed = (row: Row): row is FailedRow => 'error' in row;

/** Faults of the image itself, which a retry does not change. All other faults are retried by the next run. */
const FINAL = new Set(['image_undecodable', 'unsupported_media_type', 'no_image']);

export const isFinal = (row: Row): boolean => !isFailed(row) || FINAL.has(row.error.code);

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null;
const isIndex = (v: unknown): v is number => Number.isInteger(v) && (v as number) >= 0;
const isDecision = (v: unknown): v is Decision => v === 'id' || v === 'ood';

function isRow(v: unknown): v is Row {
  if (!isObject(v) || typeof v['set'] !== 'string' || typeof v['path'] !== 'string') return false;
  if (!Number.isFinite(v['bytes']) || !Number.isFinite(v['mtime_ms'])) return false;
  if (v['class'] !== undefined && !isIndex(v['class'])) return false;
  const { error, scores, decisions } = v;
  if (isObject(error)) return typeof error['code'] === 'string';
  if (!isIndex(v['index']) || !isObject(scores) || !isObject(decisions)) return false;
  if (!SCORES.every((s) => s in scores) || !RULES.every((r) => r in decisions)) return false;
  return Object.values(scores).every(Number.isFinite) && Object.values(decisions).every(isDecision);
}

/** The row of a stored line; undefined for an invalid line, such as the incomplete end of an interrupted write. */
export function parseRow(line: string): Row | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRow(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
