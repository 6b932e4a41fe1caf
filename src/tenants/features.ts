import { defined } from '../defined.ts';
import type { FeatureOptions, Head, Tower } from '../engine/index.ts';
import { averageTexts, type ClassEntry, nameOf, textsOf } from './classes.ts';
import type { Prompts } from './definition.ts';
import { mixed } from './examples/mix.ts';
import { type ClassExamples, unpacked } from './examples/stored.ts';
import type { FeatureCache, FeatureKey } from './feature-cache.ts';
import { type ChoiceRecipe, chosenLabels, isChosen, type NegativeWords } from './negatives/choice.ts';
import type { Negatives } from './negatives/settings.ts';
import { assertUsable, type FeatureSources, rowsOf } from './text-rows.ts';

/** The inputs of a head. `origin`: rows of this origin in the cache are preferred to the shared ones. */
export interface HeadRecipe {
  classes: readonly ClassEntry[];
  prompts: Prompts;
  origin?: string | undefined;
  /** Examples by class, and the directions that they are compared without. */
  examples?: { of: ReadonlyMap<string, ClassExamples>; directions: Float32Array };
  /** The settings of negative labels, and the words that they are chosen from. */
  negatives?: { settings: Negatives; words: NegativeWords };
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
  const choice = choiceOf(recipe);
  return !choice || ((await choice.words.features.isCached()) && (await isChosen(cache, choice)));
}

function choiceOf({ classes, prompts, origin, negatives }: HeadRecipe): ChoiceRecipe | undefined {
  return negatives && { ...negatives, texts: classes.map(textsOf), templates: prompts.yes, origin };
}

/** Makes a tenant's head from the rows of its texts; with negative labels, once the features of all words are there. */
export async function makeHead(
  sources: FeatureSources,
  recipe: HeadRecipe,
  options: FeatureOptions = {},
): Promise<Head> {
  const { classes } = recipe;
  await prepareWords(recipe, options);
  const { texts, rows } = await makeRows(sources, recipe, options);
  const place = new Map(texts.map((text, i) => [text, i]));
  const average = (tower: Tower) => {
    const features = averageTexts(classes, rows[tower], (text) => place.get(text) as number, sources.width);
    assertUsable(classes.map(nameOf), tower, features, sources.width);
    return features;
  };
  const yes = average('yes');
  const choice = choiceOf(recipe);
  // chosen by the names alone, so that examples do not change the labels
  const negatives =
    choice && (await chosenLabels(sources.cache, choice, { yes, width: sources.width }, options.signal));
  if (recipe.examples) mixExamples(yes, recipe, recipe.examples, sources.width);
  return { classes: classes.map(nameOf), yes, no: average('no'), ...defined({ negatives }) };
}

/** Resolves when the cache has the features of all words that the recipe needs. They count in the progress like the texts of the classes. */
export async function prepareWords(recipe: HeadRecipe, { signal, onProgress }: FeatureOptions = {}): Promise<void> {
  const words = recipe.negatives?.words.features;
  const own = textsTotal(recipe);
  await words?.prepare({ signal, onProgress: (done, total) => onProgress?.(done, total + own) });
}

/** Texts of both towers, without words. */
function textsTotal({ classes, prompts }: HeadRecipe): number {
  return distinctTexts(classes).length * (prompts.yes.length + prompts.no.length);
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
  const words = recipe.negatives?.words.features.total ?? 0;
  const total = words + textsTotal(recipe);
  const tower = (name: Tower, before: number) => {
    const progress = (done: number) => onProgress?.(before + done, total);
    return rowsOf(sources, { names, keys: keysOf(recipe, name) }, signal, progress);
  };
  const yes = await tower('yes', words);
  const no = await tower('no', words + names.length * prompts.yes.length);
  return { texts: names, rows: { yes, no } };
}

/** Cache keys in order of preference; computed rows are stored under the last. */
function keysOf({ prompts, origin }: HeadRecipe, tower: Tower): FeatureKey[] {
  const shared = { tower, templates: prompts[tower] };
  return origin === undefined ? [shared] : [{ ...shared, origin }, shared];
}
