import { createHash } from 'node:crypto';
import { PUBLISHED_LIMIT } from '../../clipn/index.ts';
import { defined } from '../../defined.ts';
import type { HeadNegatives } from '../../engine/index.ts';
import { ServiceError } from '../../errors/index.ts';
import type { FeatureCache, FeatureKey } from '../feature-cache.ts';
import type { Mined, Miner } from './miner.ts';
import type { Mining } from './mining.ts';
import { type Negatives, scoredBySettings, settingsOf } from './settings.ts';
import type { WordFeatures } from './word-features.ts';

/** The words of one bundle, and the thread that mines them. */
export interface NegativeWords {
  features: WordFeatures;
  miner: Miner;
}

/** Everything that the choice of negative labels follows from, besides the features of the classes. */
export interface ChoiceRecipe {
  settings: Negatives;
  words: NegativeWords;
  /** The texts of each class. */
  texts: readonly (readonly string[])[];
  /** Templates of the yes encoder, and the origin of imported features. */
  templates: readonly string[];
  origin?: string | undefined;
}

/** The digest of a tenant's settings of negative labels and of the word list, for its pins. */
export function negativesDigest(settings: Negatives, words: string): string {
  return digestOf([words, scoredBySettings(settings)]);
}

const digestOf = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);

/**
 * Choices are kept in the feature cache, so that all processes use the same: as rows of their own key, whose numbers are the count of labels
 * and the place of each word, plus one. float32 holds integers up to 2^24.
 */
const KEY: FeatureKey = { tower: 'yes', templates: [], origin: 'negative labels' };

function namesOf(recipe: ChoiceRecipe, part: 'neglabel' | 'csp' | 'named'): (row: number) => string {
  const { settings, words, texts, templates, origin } = recipe;
  const { labels, quantile } = settingsOf(settings);
  const digest = digestOf([part, words.features.id, labels, quantile, texts, templates, origin ?? null]);
  return (row) => `${digest} ${row}`;
}

const partsOf = ({ settings }: ChoiceRecipe) =>
  settings.pool ? (['neglabel', 'csp'] as const) : (['neglabel'] as const);
const storedParts = (recipe: ChoiceRecipe) => ['named', ...partsOf(recipe)] as const;

/** Whether the choice is known, so that nothing must be mined. */
export async function isChosen(cache: FeatureCache, recipe: ChoiceRecipe): Promise<boolean> {
  for (const part of storedParts(recipe)) {
    const first = namesOf(recipe, part)(0);
    if ((await cache.missing(KEY, [first])).length > 0) return false;
  }
  return true;
}

/**
 * The negative labels of a tenant, and the words that name its classes: from the cache, or mined and stored there.
 * @param yes features of the classes from their names, unit rows, float32 [C, D]
 */
export async function chosenLabels(
  cache: FeatureCache,
  recipe: ChoiceRecipe,
  { yes, width }: { yes: Float32Array; width: number },
  signal?: AbortSignal,
): Promise<HeadNegatives> {
  const { features: words } = recipe.words;
  const stored = storedParts(recipe);
  const known = await Promise.all(stored.map((part) => read(cache, namesOf(recipe, part), words.count)));
  if (known.some((labels) => labels === undefined)) {
    const minings = partsOf(recipe).map((part) => miningOf(recipe, part));
    const classes = { classes: yes, names: recipe.texts.flat() };
    const mined: Mined = await recipe.words.miner.mine(classes, minings, signal);
    if (mined.chosen.some(({ length }) => length === 0)) throw nothingLeft();
    for (const [i, indices] of [mined.named, ...mined.chosen].entries()) {
      known[i] = indices;
      await write(cache, namesOf(recipe, stored[i] as (typeof stored)[number]), indices, width);
    }
  }
  const [except, neglabel, csp] = known as [Uint32Array, Uint32Array, Uint32Array?];
  const { groups } = settingsOf(recipe.settings);
  const others = { nouns: words.list.parts.nouns.to, except };
  return { words, labels: { neglabel, ...defined({ csp }), groups }, others };
}

const nothingLeft = () =>
  new ServiceError('invalid_request', 'No word of the word list is left as a negative label of these classes.');

function miningOf(recipe: ChoiceRecipe, part: 'neglabel' | 'csp'): Mining {
  const { nouns, adjectives, pool } = recipe.words.features.list.parts;
  const { labels, quantile } = settingsOf(recipe.settings);
  const parts = part === 'csp' ? [nouns, pool] : [nouns, adjectives];
  return { parts, labels, quantile, limit: PUBLISHED_LIMIT };
}

/** The stored labels; undefined if they are not there or damaged. */
async function read(
  cache: FeatureCache,
  nameOf: (row: number) => string,
  words: number,
): Promise<Uint32Array | undefined> {
  const [first] = await cache.get(KEY, [nameOf(0)]);
  if (!first) return undefined;
  const count = first[0] as number;
  const rows = Math.ceil((count + 1) / first.length);
  const others = await cache.get(
    KEY,
    Array.from({ length: rows - 1 }, (_, i) => nameOf(i + 1)),
  );
  const numbers = [first, ...others].flatMap((row) => (row ? [...row] : []));
  const labels = Uint32Array.from(numbers.slice(1, count + 1), (place) => place - 1);
  return labels.length === count && labels.every((place) => place < words) ? labels : undefined;
}

async function write(cache: FeatureCache, nameOf: (row: number) => string, labels: Uint32Array, width: number) {
  const rows = Math.ceil((labels.length + 1) / width);
  const numbers = new Float32Array(rows * width);
  numbers[0] = labels.length;
  for (const [i, place] of labels.entries()) numbers[i + 1] = place + 1;
  const names = Array.from({ length: rows }, (_, row) => nameOf(row));
  await cache.put(KEY, names, numbers);
}
