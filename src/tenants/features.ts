import type { FeatureOptions, TextFeatureBuilder, Tower } from '../engine/index.ts';
import type { FeatureCache } from './feature-cache.ts';

/** Names whose features are computed and then kept before the next ones: what a crash in between can cost. */
const CHUNK = 256;

export interface FeatureSources {
  cache: FeatureCache;
  builder: TextFeatureBuilder;
  width: number;
}

/**
 * Features of all names [names * width]: from the cache where known, the rest computed once per distinct name and put there.
 * Duplicate names get the same row each; none is merged away.
 */
export async function featuresOf(
  { cache, builder, width }: FeatureSources,
  request: { names: string[]; templates: string[]; tower: Tower },
  { signal, onProgress }: FeatureOptions = {},
): Promise<Float32Array> {
  const { names, templates, tower } = request;
  const key = { tower, templates };
  const known = await cache.get(key, names);
  const out = new Float32Array(names.length * width);
  const missing = new Map<string, number[]>();
  for (const [i, name] of names.entries()) {
    const row = known[i];
    if (row) out.set(row, i * width);
    else missing.set(name, [...(missing.get(name) ?? []), i]);
  }
  const total = names.length * templates.length;
  const todo = [...missing.keys()];
  const before = total - todo.length * templates.length;
  onProgress?.(before, total);
  for (let at = 0; at < todo.length; at += CHUNK) {
    const chunk = todo.slice(at, at + CHUNK);
    const done = before + at * templates.length;
    const rows = await builder.build(
      { names: chunk, templates, tower },
      { ...(signal ? { signal } : {}), onProgress: (texts) => onProgress?.(done + texts, total) },
    );
    await cache.put(key, chunk, rows);
    for (const [i, name] of chunk.entries()) {
      for (const place of missing.get(name) ?? []) out.set(rows.subarray(i * width, (i + 1) * width), place * width);
    }
  }
  onProgress?.(total, total);
  return out;
}
