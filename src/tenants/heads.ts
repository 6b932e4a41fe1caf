import { randomBytes } from 'node:crypto';
import type { Method } from '../clipn/index.ts';
import type { Head, HeadHost, TextFeatureBuilder } from '../engine/index.ts';
import type { Archive } from './archive.ts';
import { nameOf } from './classes.ts';
import { promptsOf, type TenantDefinition } from './definition.ts';
import type { FeatureCache } from './feature-cache.ts';
import { type HeadRecipe, isCached, makeHead, makeRows } from './features.ts';
import type { Serving } from './tenant.ts';

/** One model as tenants see it: what makes features, where they are kept, and where heads go. */
export interface TenantModel {
  bundle: { id: string; embeddingDim: number; templates: { yes: string[]; no: string[] | null } };
  cache: FeatureCache;
  features: TextFeatureBuilder;
  heads: HeadHost;
}

/** One version of a tenant, as far as its features depend on it. */
export interface HeadVersion {
  id: string;
  version: number;
  definition: TenantDefinition;
  imported?: string | undefined;
}

export interface MakeOptions {
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/**
 * The heads of one model that serve, or have served until a moment ago. Only what a head is made of is kept here; its numbers
 * are in the feature cache, and come from there again (`load`) when the engine has put them away.
 */
export class TenantHeads {
  readonly model: TenantModel;
  readonly #defaultMethod: Method;
  readonly #recipes = new Map<string, HeadRecipe>();

  constructor(model: TenantModel, defaultMethod: Method) {
    this.model = model;
    this.#defaultMethod = defaultMethod;
  }

  #recipe({ definition, imported }: HeadVersion): HeadRecipe {
    const prompts = promptsOf(definition, this.model.bundle.templates);
    return { classes: definition.classes, prompts, origin: imported };
  }

  get #sources() {
    const { cache, features, bundle } = this.model;
    return { cache, builder: features, width: bundle.embeddingDim };
  }

  /** Whether `make` would have to encode nothing. */
  isCached(version: HeadVersion): Promise<boolean> {
    return isCached(this.model.cache, this.#recipe(version));
  }

  /** Builds what is missing of the features and hands the head to the engine under an id of its own. */
  async make(version: HeadVersion, { signal, onProgress }: MakeOptions = {}): Promise<Serving> {
    const recipe = this.#recipe(version);
    const head = await makeHead(this.#sources, recipe, {
      ...(signal ? { signal } : {}),
      ...(onProgress ? { onProgress } : {}),
    });
    signal?.throwIfAborted();
    const headId = `${version.id}@${version.version}.${randomBytes(6).toString('hex')}`;
    this.#recipes.set(headId, recipe);
    try {
      await this.model.heads.putHead(headId, head);
      signal?.throwIfAborted();
    } catch (error) {
      await this.drop(headId);
      throw error;
    }
    return {
      headId,
      version: version.version,
      classes: recipe.classes.map(nameOf),
      method: version.definition.method ?? this.#defaultMethod,
    };
  }

  /** A head that serves, made again from the cache; undefined when it is no longer of use. Rows the cache has lost are encoded again. */
  async load(headId: string): Promise<Head | undefined> {
    const recipe = this.#recipes.get(headId);
    return recipe && makeHead(this.#sources, recipe);
  }

  /** The rows of a version that is whole, as an export carries them. */
  async rows(version: HeadVersion) {
    const { bundle } = this.model;
    return { ...(await makeRows(this.#sources, this.#recipe(version))), bundle: bundle.id, width: bundle.embeddingDim };
  }

  /** Takes over rows that came with an archive, where they were made with this very model; false where they were not. */
  async adopt(archive: Archive, origin: string): Promise<boolean> {
    const { cache, bundle } = this.model;
    if (archive.bundle !== bundle.id || archive.width !== bundle.embeddingDim) return false;
    const prompts = promptsOf(archive.definition, bundle.templates);
    for (const tower of ['yes', 'no'] as const) {
      await cache.put({ tower, templates: prompts[tower], origin }, archive.texts, archive.rows[tower]);
    }
    return true;
  }

  async drop(headId: string): Promise<void> {
    this.#recipes.delete(headId);
    await this.model.heads.dropHead(headId).catch(() => {});
  }
}
