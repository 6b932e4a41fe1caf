import { defined } from '../defined.ts';
import type { CaptureRules } from '../tenants/capture-rules.ts';
import type { CaptureRecord, Observed } from './capture-record.ts';
import { DAY_MS } from './days.ts';
import { HourQuota } from './hour-quota.ts';
import type { KeptImages } from './kept-images.ts';
import { NearDuplicates } from './near-duplicates.ts';
import type { Population } from './population.ts';
import { reasonOf, shareOf, stratumOf, verdictOf } from './strata.ts';
import { WorkQueue } from './work-queue.ts';

/**
 * The result for an image that was drawn: stored; equal to a kept one; more than `per_hour` or `total` allow; no room in the queue;
 * not stored because of an error.
 */
export type CaptureResult = 'stored' | 'duplicate' | 'quota' | 'total' | 'dropped' | 'failed';

export interface CaptureOptions {
  kept: KeptImages;
  population: Population;
  /** The rules of a tenant; undefined where nothing is kept. */
  rulesOf(tenant: string): Required<CaptureRules> | undefined;
  /** Most bytes of images that wait to be stored. */
  maxQueueBytes: number;
  onResult?(tenant: string, result: CaptureResult): void;
  /** An image could not be stored. */
  onProblem?(error: unknown): void;
  random?: () => number;
  now?: () => number;
}

/** An image that was drawn, on its way to the store. */
interface Drawing {
  tenant: string;
  bytes: Uint8Array;
  record: CaptureRecord;
  embedding: Float32Array | undefined;
  looksLike: Observed['looksLike'];
  /** The tenant's state, and its generation, when the image was drawn. */
  state: State;
  generation: number;
}

/** The state of one tenant in this process. */
interface State {
  quota: HourQuota;
  /** Whether as many images are kept as `total` allows. */
  full: boolean;
  /** Raised when all images are removed: images that were drawn before are not stored. */
  generation: number;
  /** Weight to be added to kept images, by SHA-256: of draws that were equal to them. */
  weights: Map<string, number>;
  results: Partial<Record<CaptureResult, number>>;
}

const CONCURRENCY = 4;
/** Equal images between two flushes; further ones are not added to a weight. */
const MAX_WEIGHTS = 10_000;

/**
 * Keeps images of the tenants that ask for it, chosen at random with known probabilities. A request is never slowed: `offer` only
 * draws, and storing happens in the background within a bound.
 */
export class Capture {
  readonly #options: CaptureOptions;
  readonly #queue: WorkQueue;
  readonly #near = new NearDuplicates();
  readonly #states = new Map<string, State>();
  readonly #now: () => number;
  readonly #random: () => number;

  constructor(options: CaptureOptions) {
    this.#options = options;
    this.#queue = new WorkQueue({ maxBytes: options.maxQueueBytes, concurrency: CONCURRENCY });
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
  }

  /** Bytes of images that wait to be stored. */
  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** Tenants with a state in this process. */
  get tenants(): Iterable<string> {
    return this.#states.keys();
  }

  /** Whether the tenant's images may be kept. */
  wants(tenant: string): boolean {
    return this.#options.rulesOf(tenant) !== undefined;
  }

  /** Counts a verdict, and keeps its image if it is drawn. Never throws and never waits. */
  offer(observed: Observed): void {
    try {
      this.#offer(observed);
    } catch (error) {
      this.#options.onProblem?.(error);
    }
  }

  #offer(observed: Observed): void {
    const { tenant, bytes } = observed;
    const { rulesOf, population } = this.#options;
    const rules = rulesOf(tenant);
    if (!rules) return;
    const now = this.#now();
    const verdict = verdictOf(observed);
    const stratum = stratumOf(verdict);
    population.count(tenant, stratum, now);
    const state = this.#stateOf(tenant);
    const reason = reasonOf(verdict);
    const share = shareOf(rules, reason);
    const probability = share * (state.full ? 0 : state.quota.factor(rules.per_hour, now));
    const chance = this.#random();
    if (chance >= probability) {
      if (chance < share) this.#tell(tenant, state.full ? 'total' : 'quota');
      return;
    }
    state.quota.take();
    const { sha256, width, height, format } = observed.detection.image;
    const record: CaptureRecord = {
      key: sha256,
      captured_at: new Date(now).toISOString(),
      expires_at: new Date(now + rules.retention_days * DAY_MS).toISOString(),
      bytes: bytes.length,
      width,
      height,
      format,
      ...verdict,
      reason,
      stratum,
      probability,
      weight: 1 / probability,
      ...defined({ request_id: observed.requestId }),
    };
    const { generation } = state;
    const { looksLike, detection } = observed;
    const drawn = { tenant, bytes: own(bytes), record, embedding: detection.embedding, looksLike, state, generation };
    const taken = this.#queue.offer(drawn.bytes.length, () => this.#store(drawn));
    if (!taken) this.#tell(tenant, 'dropped');
  }

  async #store(drawn: Drawing): Promise<void> {
    const { tenant, state, generation } = drawn;
    try {
      await this.#options.kept.alone(tenant, async () => {
        const rules = this.#options.rulesOf(tenant);
        if (!rules || this.#states.get(tenant) !== state || state.generation !== generation) return;
        this.#tell(tenant, await this.#keep(drawn, rules));
      });
    } catch (error) {
      this.#tell(tenant, 'failed');
      this.#options.onProblem?.(error);
    }
  }

  async #keep(
    { tenant, bytes, record, embedding, looksLike, state }: Drawing,
    rules: Required<CaptureRules>,
  ): Promise<CaptureResult> {
    const { kept } = this.#options;
    const { key, stratum } = record;
    const near = rules.duplicates === 'skip' && embedding ? this.#near.nearest(tenant, stratum, embedding) : undefined;
    const same = await kept.get(tenant, key);
    if (same && same.stratum !== stratum) {
      // classes, model or rule have changed since: the image stands for verdicts like this one from here on
      await kept.update(tenant, [record]);
      return 'duplicate';
    }
    const equal = same ?? (near === undefined ? undefined : await kept.get(tenant, near));
    if (equal) {
      const { weights } = state;
      if (weights.has(equal.key) || weights.size < MAX_WEIGHTS)
        weights.set(equal.key, (weights.get(equal.key) ?? 0) + record.weight);
      return 'duplicate';
    }
    if (near !== undefined) this.#near.remove(tenant, near);
    state.full = (await kept.count(tenant)) >= rules.total;
    if (state.full) return 'total';
    // an engine that is restarting keeps no image from being stored
    const words = await looksLike?.().catch(() => undefined);
    await kept.add(tenant, bytes, { ...record, ...defined({ looks_like: words }) });
    if (embedding) this.#near.add(tenant, stratum, key, embedding);
    return 'stored';
  }

  /** Stores counts and weights. */
  async flush(): Promise<void> {
    await this.#options.population.flush();
    for (const [tenant, state] of this.#states) {
      const { weights } = state;
      if (weights.size === 0) continue;
      state.weights = new Map();
      await this.#options.kept.alone(tenant, () => this.#addWeights(tenant, weights));
    }
  }

  async #addWeights(tenant: string, weights: ReadonlyMap<string, number>): Promise<void> {
    const { kept } = this.#options;
    const changed: CaptureRecord[] = [];
    for (const [key, weight] of weights) {
      const record = await kept.get(tenant, key);
      if (record) changed.push({ ...record, weight: record.weight + weight });
    }
    await kept.update(tenant, changed);
  }

  /** Removes images. When it resolves, their files are removed. @returns the number of those that were there */
  async remove(tenant: string, keys: readonly string[]): Promise<number> {
    const removed = await this.#options.kept.remove(tenant, keys);
    for (const key of keys) this.#near.remove(tenant, key);
    const state = this.#states.get(tenant);
    if (state) state.full = false;
    return removed;
  }

  /** Removes everything of a tenant: images, records, counts, and images that wait to be stored. */
  async forget(tenant: string): Promise<number> {
    const state = this.#states.get(tenant);
    if (state) {
      state.generation++;
      state.weights = new Map();
      state.full = false;
    }
    // a tenant that still exists keeps what it has used of its hour
    if (!this.wants(tenant)) this.#states.delete(tenant);
    this.#near.forget(tenant);
    const removed = await this.#options.kept.removeAll(tenant);
    await this.#options.population.forget(tenant);
    return removed;
  }

  /** Resolves when the images drawn so far are stored or given up. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  /** The number of images that were drawn since the start, by result. */
  resultsOf(tenant: string): Partial<Record<CaptureResult, number>> {
    return this.#states.get(tenant)?.results ?? {};
  }

  #tell(tenant: string, result: CaptureResult): void {
    const results = this.#states.get(tenant)?.results;
    if (results) results[result] = (results[result] ?? 0) + 1;
    this.#options.onResult?.(tenant, result);
  }

  #stateOf(tenant: string): State {
    let state = this.#states.get(tenant);
    if (!state) {
      state = { quota: new HourQuota(), full: false, generation: 0, weights: new Map(), results: {} };
      this.#states.set(tenant, state);
    }
    return state;
  }
}

/** The bytes without the rest of a larger buffer, such as the body of a request with many images, which would stay in memory. */
function own(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength > 2 * bytes.length + 65_536 ? Uint8Array.from(bytes) : bytes;
}
