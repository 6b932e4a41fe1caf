import { defined } from '../defined.ts';
import type { FeatureOptions, Head, TextFeatureBuilder, Tower } from '../engine/index.ts';
import { unusableRow } from '../engine/shared/text-features.ts';
import { ServiceError } from '../errors/index.ts';
import { averageTexts, type ClassEntry, nameOf, textsOf } from './classes.ts';
import type { Prompts } from './definition.ts';
import { mixed } from './examples/mix.ts';
import { type ClassExamples, unpacked } from './examples/stored.ts';
import type { FeatureCache, FeatureKey } from './feature-cache.ts';

/** Texts that are encoded before their features are stored: the work that a crash can lose. */
const CHUNK = 256;

export interface FeatureSources {
  cache: FeatureCache;
  builder: TextFeatureBuilder;
  width: number;
}

/** The inputs of a head. `origin`: rows of this origin in the cache are preferred to the shared ones. */
export interface HeadRecipe {
  classes: readonly ClassEntry[];
  prompts: Prompts;
  origin?: string | undefined;
  /** Examples by class, and the directions that they are compared without. */
  examples?: { of: ReadonlyMap<string, ClassExamples>; directions: Float32Array };
}

/** The distinct texts of a tenant's classes, aliases included, in order of appearance. */
export function distinctTexts(classes: readonly ClassEntry[]): string[] {
  return [...new Set(classes.flatMap(textsOf))];
}

/** Whether a head can be made from the cache alone. */
export async function isCached(cache: FeatureCache, recipe: HeadRecipe): Promise<boolean> {
  const names = distinctTexts(recipe.classes);
  for (const tower of ['yes', 'no'] as const) {
    let missing = names;
    for (const key of keysOf(recipe, tower)) missing = await cache.missing(key, missing);
    if (missing.length > 0) return false;
  }
  return true;
}

/** Makes a tenant's head from the rows of its texts. */
export async function makeHead(
  sources: FeatureSources,
  recipe: HeadRecipe,
  options: FeatureOptions = {},
): Promise<Head> {
  const { classes } = recipe;
  const { texts, rows } = await makeRows(sources, recipe, options);
  const place = new Map(texts.map((text, i) => [text, i]));
  const average = (tower: Tower) => {
    const features = averageTexts(classes, rows[tower], (text) => place.get(text) as number, sources.width);
    assertUsable(classes.map(nameOf), tower, features, sources.width);
    return features;
  };
  const yes = average('yes');
  if (recipe.examples) mixExamples(yes, recipe, recipe.examples, sources.width);
  return { classes: classes.map(nameOf), yes, no: average('no') };
}

/** Replaces the rows of classes with examples. */
function mixExamples(
  yes: Float32Array,
  { classes }: HeadRecipe,
  { of, directions }: NonNullable<HeadRecipe['examples']>,
  width: number,
): void {
  for (const [c, entry] of classes.entries()) {
    const images = of.get(nameOf(entry))?.images ?? [];
    if (images.length === 0) continue;
    const row = yes.subarray(c * width, (c + 1) * width);
    const embeddings = images.map(({ embedding }) => unpacked(embedding));
    row.set(mixed(row, embeddings, directions));
  }
}

/** The rows of a tenant's distinct texts, [texts * width] per tower: from the cache; missing ones are encoded and stored. */
export async function makeRows(
  sources: FeatureSources,
  recipe: HeadRecipe,
  { signal, onProgress }: FeatureOptions = {},
): Promise<{ texts: string[]; rows: Record<Tower, Float32Array> }> {
  const { prompts } = recipe;
  const names = distinctTexts(recipe.classes);
  const texts = { yes: names.length * prompts.yes.length, no: names.length * prompts.no.length };
  const total = texts.yes + texts.no;
  const tower = (name: Tower, before: number) => {
    const progress = (done: number) => onProgress?.(before + done, total);
    return rowsOf(sources, { names, keys: keysOf(recipe, name) }, signal, progress);
  };
  const yes = await tower('yes', 0);
  const no = await tower('no', texts.yes);
  return { texts: names, rows: { yes, no } };
}

/** Cache keys in order of preference; computed rows are stored under the last. */
function keysOf({ prompts, origin }: HeadRecipe, tower: Tower): FeatureKey[] {
  const shared = { tower, templates: prompts[tower] };
  return origin === undefined ? [shared] : [{ ...shared, origin }, shared];
}

/**
 * Refuses rows that are zero or not finite, because they would make every verdict of the tenant NaN.
 * @throws ServiceError engine_unavailable with the text
 */
function assertUsable(texts: string[], tower: Tower, rows: Float32Array, width: number): void {
  const bad = unusableRow(rows, width);
  if (bad === undefined) return;
  const text = JSON.stringify(texts[bad]);
  throw new ServiceError('engine_unavailable', `The model gives no usable feature for ${text}.`, {
    internal: `the ${tower} feature of ${text} is zero or not finite`,
  });
}

/** Rows of distinct texts, [names * width]. */
async function rowsOf(
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
