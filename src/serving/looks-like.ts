import type { NearWord } from '../clipn/index.ts';
import type { Detection, LookRequest } from '../engine/index.ts';
import { type LooksLike, looksLikeOf } from '../tenants/negatives/looks-like.ts';
import type { Serving } from '../tenants/tenant.ts';

/** The part of an engine that finds the words nearest to an image, for tenants with negative labels. */
export interface WordFinder {
  look(request: LookRequest, signal?: AbortSignal): Promise<NearWord[]>;
}

/**
 * The words that an image looks like, nearest first; none where the tenant has no negative labels or the detection no embedding.
 * @throws ServiceError engine_unavailable, tenant_not_ready
 */
export async function looksLikeBy(
  engine: WordFinder,
  { headId, words }: Pick<Serving, 'headId' | 'words'>,
  { embedding }: Pick<Detection, 'embedding'>,
  signal?: AbortSignal,
): Promise<LooksLike[]> {
  if (!words || !embedding) return [];
  return looksLikeOf(await engine.look({ headId, embedding }, signal), words);
}
