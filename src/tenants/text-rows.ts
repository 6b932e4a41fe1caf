import { unusableRow } from '../clipn/text-features.ts';
import { defined } from '../defined.ts';
import type { TextFeatureBuilder, Tower } from '../engine/index.ts';
import { ServiceError } from '../errors/index.ts';
import type { FeatureCache, FeatureKey } from './feature-cache.ts';

/** Texts that are encoded before their features are stored: the work that a crash can lose. */
const CHUNK = 256;

export interface FeatureSources {
  cache: FeatureCache;
  builder: TextFeatureBuilder;
  width: number;
}

/**
 * Refuses rows that are zero or not finite, because they would make every verdict of the tenant NaN.
 * @throws ServiceError engine_unavailable with the text
 */
export function assertUsable(texts: readonly string[], tower: Tower, rows: Float32Array, width: number): void {
  const bad = unusableRow(rows, width);
  if (bad === undefined) return;
  const text = JSON.stringify(texts[bad]);
  throw new ServiceError('engine_unavailable', `The model gives no usable feature for ${text}.`, {
    internal: `the ${tower} feature of ${text} is zero or not finite`,
  });
}

/**
 * Rows of distinct texts, [names * width]: from the cache; missing ones are encoded and stored under the last of `keys`.
 * @param progress called with the texts that are done, templates counted
 */
export async function rowsOf(
  { cache, builder, width }: FeatureSources,
  { names, keys }: { names: string[]; keys: FeatureKey[] },
  signal: AbortSignal | undefined,
  progress: (textsDone: number) => void,
): Promise<Float32Array> {
  const out = new Float32Array(names.length * width);
  let todo = names.map((name, place) => ({ name, place }));
  for (const key of keys) {
    const known = await cache.get(
      key,
      todo.map((t) => t.name),
    );
    for (const [i, { place }] of todo.entries()) {
      const row = known[i];
      if (row) out.set(row, place * width);
    }
    todo = todo.filter((_, i) => !known[i]);
    if (todo.length === 0) break;
  }
  const key = keys.at(-1) as FeatureKey;
  const { tower, templates } = key;
  let done = (names.length - todo.length) * templates.length;
  progress(done);
  for (let at = 0; at < todo.length; at += CHUNK) {
    const chunk = todo.slice(at, at + CHUNK);
    const texts = chunk.map((t) => t.name);
    const before = done;
    const rows = await builder.build(
      { names: texts, templates, tower },
      { ...defined({ signal }), onProgress: (n) => progress(before + n) },
    );
    assertUsable(texts, tower, rows, width);
    await cache.put(key, texts, rows);
    for (const [i, { place }] of chunk.entries()) out.set(rows.subarray(i * width, (i + 1) * width), place * width);
    done += texts.length * templates.length;
    progress(done);
  }
  return out;
}
