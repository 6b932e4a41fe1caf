import { randomBytes } from 'node:crypto';
import type { FreeRule, Method, Rule } from '../clipn/index.ts';
import { defined } from '../defined.ts';
import type { Head, HeadHost, TextFeatureBuilder } from '../engine/index.ts';
import { type Archive, damaged } from './archive.ts';
import { classesDigest } from './calibration/digest.ts';
import { type Pins, servingCalibration } from './calibration/serving.ts';
import type { StoredCalibration } from './calibration/stored.ts';
import { nameOf } from './classes.ts';
import { promptsOf, type TenantDefinition } from './definition.ts';
import { type StoredExamples, widthOf } from './examples/stored.ts';
import type { FeatureCache } from './feature-cache.ts';
import { type HeadRecipe, isCached, makeHead, makeRows, prepareWords } from './features.ts';
import { type NegativeWords, negativesDigest } from './negatives/choice.ts';
import { negativesUnsupported } from './negatives/settings.ts';
import type { Serving } from './tenant.ts';
import { type CutOffWarning, type TextModel, truncated, type Warning, warningsOf } from './warnings.ts';

/** One model as tenants use it: its text encoder, its feature cache, and the engine that takes heads. */
export interface TenantModel {
  bundle: {
    /** Of the text encoders, which make the features of classes. */
    id: string;
    /** Of the whole bundle: scores depend on the image encoder too. */
    wholeId: string;
    /** `image_directions` of the manifest, [K * D]; undefined where a bundle has none: then examples do not count. */
    imageDirections?: Float32Array | undefined;
    name: string;
    version: string;
    embeddingDim: number;
    templates: { yes: string[]; no: string[] | null };
  };
  cache: FeatureCache;
  features: TextFeatureBuilder;
  heads: HeadHost;
  /** Undefined: tenants cannot have negative labels. */
  words?: NegativeWords | undefined;
  unknownWords: TextModel['unknownWords'];
  cutNames: TextModel['cutNames'];
}

/** The part of a tenant's version that determines its features. */
export interface HeadVersion {
  id: string;
  version: number;
  definition: TenantDefinition;
  imported?: string | undefined;
  calibration?: StoredCalibration | undefined;
  examples?: StoredExamples | undefined;
}

/** Most classes whose texts are cut off that every verdict of a tenant names. */
const MOST_CUT_OFF = 10;

interface Made {
  recipe: HeadRecipe;
  model: TenantModel;
  /** See `cutOffOf`. */
  cutOff: readonly CutOffWarning[];
}

export interface MakeOptions {
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/**
 * The heads in service, and those that were until recently. Only the inputs of a head are kept here. Its numbers are in the
 * model's feature cache; `load` reads them again when the engine has evicted the head.
 */
export class TenantHeads {
  #model: TenantModel;
  readonly #defaultMethod: Method;
  readonly #made = new Map<string, Made>();

  constructor(model: TenantModel, defaultMethod: Method) {
    this.#model = model;
    this.#defaultMethod = defaultMethod;
  }

  /** The model of new heads. */
  get model(): TenantModel {
    return this.#model;
  }

  /** Sets the model of new heads. Heads of the former model serve until they are dropped. */
  moveTo(model: TenantModel): void {
    this.#model = model;
  }

  /** @throws ServiceError invalid_request, negatives_unsupported where this model cannot serve the definition */
  check(definition: TenantDefinition): void {
    promptsOf(definition, this.#model.bundle.templates);
    if (definition.negatives) wordsOf(this.#model);
  }

  /** Whether `make` can work from the cache alone. */
  isCached(version: HeadVersion): Promise<boolean> {
    return isCached(this.#model.cache, recipeOf(this.#model, version));
  }

  /** Resolves when the cache has the features of all words that the version needs; many builds may wait for them at once. */
  prepareWords(version: HeadVersion, options: MakeOptions = {}): Promise<void> {
    return prepareWords(recipeOf(this.#model, version), options);
  }

  /** Builds missing features and gives the head to the engine under an id of its own. */
  async make(version: HeadVersion, options: MakeOptions = {}): Promise<Serving> {
    for (;;) {
      const model = this.#model;
      const serving = await this.makeWith(model, version, options);
      if (model === this.#model) return serving;
      // the tenants have moved to another model in the meantime
      await this.drop(serving.headId);
    }
  }

  /** Like `make`, with a model that is not yet the current one. */
  async makeWith(model: TenantModel, version: HeadVersion, { signal, onProgress }: MakeOptions = {}): Promise<Serving> {
    const recipe = recipeOf(model, version);
    const head = await makeHead(sourcesOf(model), recipe, {
      ...defined({ signal, onProgress }),
    });
    signal?.throwIfAborted();
    const headId = `${version.id}@${version.version}.${randomBytes(6).toString('hex')}`;
    this.#made.set(headId, { recipe, model, cutOff: cutOffOf(recipe, model) });
    try {
      await model.heads.putHead(headId, head);
      signal?.throwIfAborted();
    } catch (error) {
      await this.drop(headId);
      throw error;
    }
    const { name, version: modelVersion } = model.bundle;
    const { definition, calibration } = version;
    const pins = pinsOf(model, version);
    return {
      headId,
      version: version.version,
      classes: recipe.classes.map(nameOf),
      method: definition.method ?? this.#defaultMethod,
      uncalibratedMethod: thresholdFree(definition.method) ?? this.#defaultMethod,
      model: { name, version: modelVersion },
      pins,
      calibration: calibration && servingCalibration(calibration, pins),
      negatives: definition.negatives,
      words: await recipe.negatives?.words.features.list.words(),
    };
  }

  /** Makes a head in service again from the cache; encodes rows that the cache has lost. Undefined if the head was dropped. */
  async load(headId: string): Promise<Head | undefined> {
    const made = this.#made.get(headId);
    return made && makeHead(sourcesOf(made.model), made.recipe);
  }

  /** Warnings about a valid definition, for its owner. */
  warnings(definition: TenantDefinition): Warning[] {
    const { bundle, unknownWords, cutNames } = this.#model;
    return warningsOf(definition, { templates: bundle.templates, unknownWords, cutNames });
  }

  /** Warnings of a head in service about classes whose texts its model reads in part only, the first ten. */
  cutOff(headId: string): readonly CutOffWarning[] {
    return this.#made.get(headId)?.cutOff ?? [];
  }

  /** The rows of a complete version, for an export. */
  async rows(version: HeadVersion) {
    const model = this.#model;
    const { bundle } = model;
    return {
      ...(await makeRows(sourcesOf(model), recipeOf(model, version))),
      bundle: bundle.id,
      width: bundle.embeddingDim,
    };
  }

  /**
   * Stores the rows of an archive if they were made with this model; false if not.
   * @throws ServiceError import_damaged for examples that this model cannot have embedded
   */
  async adopt(archive: Archive, origin: string): Promise<boolean> {
    const { cache, bundle } = this.model;
    if (widthOf(archive.examples, bundle.wholeId, bundle.embeddingDim) !== bundle.embeddingDim)
      throw damaged('the embeddings of its examples are not those of their model');
    if (archive.bundle !== bundle.id || archive.width !== bundle.embeddingDim) return false;
    const prompts = promptsOf(archive.definition, bundle.templates);
    for (const tower of ['yes', 'no'] as const) {
      await cache.put({ tower, templates: prompts[tower], origin }, archive.texts, archive.rows[tower]);
    }
    return true;
  }

  async drop(headId: string): Promise<void> {
    const made = this.#made.get(headId);
    this.#made.delete(headId);
    await made?.model.heads.dropHead(headId).catch(() => {});
  }
}

const thresholdFree = (rule: Rule | undefined): FreeRule | undefined => (rule === 'calibrated' ? undefined : rule);

function recipeOf(model: TenantModel, { definition, imported, examples }: HeadVersion): HeadRecipe {
  const { templates, imageDirections: directions, wholeId } = model.bundle;
  const prompts = promptsOf(definition, templates);
  const shown = directions && examples && { directions, of: ofModel(examples, wholeId) };
  const negatives = definition.negatives && { settings: definition.negatives, words: wordsOf(model) };
  return { classes: definition.classes, prompts, origin: imported, ...defined({ examples: shown, negatives }) };
}

/** @throws ServiceError negatives_unsupported */
function wordsOf({ words }: TenantModel): NegativeWords {
  if (words) return words;
  throw negativesUnsupported();
}

/** The examples that this model has embedded. */
const ofModel = (examples: StoredExamples, model: string) =>
  new Map(Object.entries(examples).flatMap(([name, of]) => (of.model === model ? [[name, of] as const] : [])));

/** Everything that the scores of a version depend on. */
export function pinsOf({ bundle, words }: TenantModel, version: Pick<HeadVersion, 'definition' | 'examples'>): Pins {
  const { negatives } = version.definition;
  return {
    model: bundle.wholeId,
    classes: classesDigest(version.definition, version.examples),
    ...defined({ negatives: negatives && negativesDigest(negatives, words?.features.list.id ?? '') }),
  };
}

function sourcesOf({ cache, features, bundle }: TenantModel) {
  return { cache, builder: features, width: bundle.embeddingDim };
}

/** Found when the head is made, not for a verdict, which must not wait for a tokenizer. A tokenizer that cannot be read is an error of PUT and check. */
function cutOffOf({ classes, prompts }: HeadRecipe, model: TenantModel): readonly CutOffWarning[] {
  try {
    return truncated(classes, [...prompts.yes, ...prompts.no], model).slice(0, MOST_CUT_OFF);
  } catch {
    return [];
  }
}
