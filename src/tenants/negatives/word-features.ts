import type { Part } from '../../clipn/index.ts';
import type { WordSource } from '../../engine/index.ts';
import { POLL_MS } from '../../polling.ts';
import { Shared, type SharedOptions, type SharedWork } from '../../shared-work.ts';
import type { FeatureKey } from '../feature-cache.ts';
import type { BuildLeases } from '../leases.ts';
import { type FeatureSources, rowsOf } from '../text-rows.ts';
import { ADJECTIVE_TEMPLATE, type InstalledWordList } from './list.ts';

export interface WordFeaturesOptions {
  list: InstalledWordList;
  /** Of the text encoders, which make the features. */
  bundleId: string;
  /** The bundle's own templates of the yes encoder, for all words but adjectives. */
  templates: string[];
  sources: FeatureSources;
  leases: BuildLeases;
}

/** Texts of one read from the cache. */
const PIECE = 1024;
/** A look into the cache that found texts missing holds for this long, milliseconds: it costs a hash for each word. */
const LOOK_MS = 1000;

/**
 * The features of a word list for one bundle, in the feature cache. They are encoded once, whichever tenant needs them first: by one build
 * of this process at a time, and by one of the processes that share the cache. The rows are not kept in memory here.
 */
export class WordFeatures implements WordSource {
  readonly id: string;
  readonly list: InstalledWordList;
  readonly #options: WordFeaturesOptions;
  /** The words of one part, and the key of their features. */
  readonly #parts: readonly (Part & { key: FeatureKey })[];
  readonly #encoding = new Shared((options) => this.#encode(options));
  #complete = false;
  #looked: { at: number; complete: Promise<boolean> } | undefined;

  constructor(options: WordFeaturesOptions) {
    this.#options = options;
    this.list = options.list;
    this.id = `${options.list.id} ${options.bundleId}`;
    const { nouns, adjectives, pool } = options.list.parts;
    const key = (templates: string[]): FeatureKey => ({ tower: 'yes', templates });
    this.#parts = [
      { ...nouns, key: key(options.templates) },
      { ...adjectives, key: key([ADJECTIVE_TEMPLATE]) },
      { ...pool, key: key(options.templates) },
    ];
  }

  get count(): number {
    return this.list.count;
  }

  /** Number of texts to encode, templates counted. */
  get total(): number {
    return this.#textsBefore(this.count);
  }

  #textsBefore(place: number): number {
    return this.#parts.reduce(
      (sum, { from, to, key }) => sum + Math.max(0, Math.min(to, place) - from) * key.templates.length,
      0,
    );
  }

  /** Whether the cache has all of them. */
  async isCached(): Promise<boolean> {
    if (this.#complete) return true;
    if (!this.#looked || Date.now() - this.#looked.at > LOOK_MS)
      this.#looked = { at: Date.now(), complete: this.#look() };
    return this.#looked.complete;
  }

  async #look(): Promise<boolean> {
    const words = await this.list.words();
    for (const { from, to, key } of this.#parts) {
      const missing = await this.#options.sources.cache.missing(key, words.slice(from, to));
      if (missing.length > 0) return false;
    }
    this.#complete = true;
    return true;
  }

  /** Resolves when the cache has all features. Rejects with the signal's reason, or with the error of the encoder. */
  async prepare(options: SharedOptions = {}): Promise<void> {
    if (this.#complete) options.onProgress?.(this.total, this.total);
    else await this.#encoding.join(options);
  }

  async #encode({ signal, onProgress }: Parameters<SharedWork<void>>[0]): Promise<void> {
    const { leases } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      if (await this.#look()) return;
      const lease = await leases.claim(`words ${this.id}`);
      if (!lease) {
        await leases.wait(`words ${this.id}`, POLL_MS.sharedBuild, signal, ({ done, total }) =>
          onProgress(done, total),
        );
        continue;
      }
      const both = AbortSignal.any([signal, lease.signal]);
      const progress = (done: number) => {
        onProgress(done, this.total);
        lease.report(done, this.total);
      };
      try {
        for (let from = 0; from < this.count; from += PIECE)
          await this.#read(from, Math.min(this.count, from + PIECE), both, progress);
      } catch (error) {
        // another process has the lease now
        if (!lease.signal.aborted || signal.aborted) throw error;
      } finally {
        await lease.release();
      }
    }
  }

  async #read(from: number, to: number, signal?: AbortSignal, progress = (_done: number) => {}): Promise<Float32Array> {
    const { sources } = this.#options;
    const words = await this.list.words();
    const out = new Float32Array((to - from) * sources.width);
    for (const { key, ...part } of this.#parts) {
      const [first, end] = [Math.max(from, part.from), Math.min(to, part.to)];
      if (first >= end) continue;
      const before = this.#textsBefore(first);
      const wanted = { names: words.slice(first, end), keys: [key] };
      const rows = await rowsOf(sources, wanted, signal, (done) => progress(before + done));
      out.set(rows, (first - from) * sources.width);
    }
    return out;
  }

  /** Unit rows of the texts `from` to before `to`; those that the cache has lost are encoded again. */
  rows(from: number, to: number): Promise<Float32Array> {
    return this.#read(from, to);
  }
}
