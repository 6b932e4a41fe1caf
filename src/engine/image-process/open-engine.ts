import { verifyChecksums } from '../../bundle/checksums.ts';
import type { InitMessage, Vitals } from '../ipc/protocol.ts';
import { Embedder } from './embedder.ts';
import { EmbeddingCache } from './embedding-cache.ts';
import { HeadScorer } from './heads/scorer.ts';
import { openLanes } from './lanes/open-lanes.ts';

/** The parts that work together in one engine process. */
export interface OpenedEngine {
  embedder: Embedder;
  heads: HeadScorer;
  /** Largest difference from the golden file, in cosine. */
  goldenMaxDifference: number;
  /** Largest number of images in one run of a lane. */
  batch: number;
  decoding(): Vitals['decoding'];
}

/** Opens the sessions of the bundle. Resolves when they have passed the golden file and are warm. */
export async function openEngine(init: InitMessage): Promise<OpenedEngine> {
  const { bundle } = init;
  if (!init.first) await verifyChecksums(bundle, [bundle.files.image, bundle.files.golden]);
  const { embedding_dim: width, logit_scale: scale } = bundle.manifest;
  const [pipeline, heads] = await Promise.all([openLanes(init), HeadScorer.open({ width, scale })]);
  const { goldenMaxDifference, batch, decoding } = pipeline;
  const embedder = new Embedder({
    encode: pipeline.encode,
    cache: init.cacheBytes > 0 ? new EmbeddingCache(init.cacheBytes) : undefined,
  });
  return { embedder, heads, goldenMaxDifference, batch, decoding };
}
