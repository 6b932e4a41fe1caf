import { setTimeout as sleep } from 'node:timers/promises';
import type { Method } from '../clipn/index.ts';
import type { Head, HeadHost, TextFeatureBuilder } from '../engine/index.ts';
import { ServiceError } from '../errors/index.ts';
import { checkConditions, type Preconditions } from './conditions.ts';
import { checkDefinition, checkTenantId, promptsOf, sameDefinition, type TenantDefinition } from './definition.ts';
import { DEMO, DEMO_ID } from './demo.ts';
import type { FeatureCache } from './feature-cache.ts';
import { TenantHeads } from './heads.ts';
import { KeyedLock } from './keyed-lock.ts';
import { NO_PROGRESS, ProgressMeter } from './progress.ts';
import { etagOf, isRecord, type StoredTenant, type TenantRecord } from './record.ts';
import type { TenantStore } from './store.ts';
import { type Serving, type Tenant, type TenantState, type TenantView, viewOf } from './tenant.ts';
import { type Warning, warningsOf } from './warnings.ts';

export interface RegistryOptions {
  store: TenantStore;
  cache: FeatureCache;
  features: TextFeatureBuilder;
  heads: HeadHost;
  bundle: { id: string; embeddingDim: number; templates: { yes: string[]; no: string[] | null } };
  unknownWords: (name: string) => string[];
  defaults: { method: Method };
  limits: { maxClasses: number };
  onBuilt?: (event: { id: string; version: number; seconds: number }) => void;
  onFailed?: (event: { id: string; version: number; error: unknown; retryInMs: number }) => void;
  /** How long a replaced head stays, for requests that began with it. */
  headGraceMs?: number;
}

export interface PutOutcome {
  created: boolean;
  changed: boolean;
  view: TenantView;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
/** Times that another process may be faster before a client is told. */
const MAX_CONFLICTS = 20;

/**
 * Tenants: the durable definition first, then features, then the swap. A definition is acknowledged only once it is stored;
 * old features serve until the new ones are whole; a build that fails is tried again until it is replaced or removed.
 */
export class TenantRegistry {
  readonly #options: RegistryOptions;
  readonly #heads: TenantHeads;
  readonly #tenants = new Map<string, Tenant>();
  /** Last versions of removed tenants: a late word of an earlier one must not bring it back. */
  readonly #removed = new Map<string, number>();
  readonly #locks = new KeyedLock();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopped = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#heads = new TenantHeads(options, options.defaults.method);
  }

  /** Reads all definitions, so that from here on a tenant is known even where its features are not ready. */
  async load(): Promise<void> {
    const { store } = this.#options;
    await store.seed(recordOf(DEMO_ID, DEMO, 1));
    for (const record of await store.list()) this.#apply(record, { build: false });
    store.subscribe((stored) => this.#apply(stored));
  }

  /** Builds what was loaded, mostly from the cache, and resolves when every tenant serves or has failed once. */
  async start(): Promise<void> {
    for (const [id, tenant] of [...this.#tenants]) {
      if (!tenant.build) this.#build(id, tenant);
      await tenant.build?.done;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const builds = [...this.#tenants.values()].map((t) => this.#cancel(t));
    await Promise.allSettled(builds);
  }

  /** @throws ServiceError tenant_not_found, tenant_not_ready */
  resolve(id: string): Serving {
    const tenant = this.#find(id);
    if (tenant.serving) return tenant.serving;
    const { done, total } = tenant.progress;
    throw new ServiceError(
      'tenant_not_ready',
      tenant.failure ?? `The features of tenant "${id}" are being built (${done} of ${total} texts).`,
      {
        retryAfter: 1,
      },
    );
  }

  /** The numbers of a serving head, for an engine that has put them away; undefined when it is no longer of use. */
  loadHead(headId: string): Promise<Head | undefined> {
    return this.#heads.load(headId);
  }

  /** @throws ServiceError tenant_not_found */
  get(id: string): TenantView {
    return viewOf(this.#find(id));
  }

  /** In order of id, after `after`. */
  list({ after, limit }: { after?: string | undefined; limit: number }): {
    tenants: TenantView[];
    next: string | null;
  } {
    const ids = [...this.#tenants.keys()].sort().filter((id) => after === undefined || id > after);
    const page = ids.slice(0, limit);
    return {
      tenants: page.map((id) => viewOf(this.#find(id))),
      next: ids.length > limit ? (page.at(-1) as string) : null,
    };
  }

  counts(): Record<TenantState, number> {
    const counts = { ready: 0, building: 0, failed: 0, cancelled: 0 };
    for (const tenant of this.#tenants.values()) counts[viewOf(tenant).state]++;
    return counts;
  }

  /**
   * Stores the definition, then builds; waits `waitMs` for the features. The same definition again changes nothing.
   * @throws ServiceError invalid_request, precondition_failed, tenant_conflict, store_unavailable
   */
  async put(
    id: string,
    definition: TenantDefinition,
    { waitMs, ...conditions }: { waitMs: number } & Preconditions,
  ): Promise<PutOutcome> {
    checkTenantId(id);
    checkDefinition(definition, this.#options.limits);
    promptsOf(definition, this.#options.bundle.templates);
    const { old, stored } = await this.#change(id, conditions, (old, version) =>
      old && sameDefinition(old.definition, definition) ? old : this.#next(id, definition, old, version),
    );
    const tenant = this.#find(id);
    if (tenant.build && waitMs > 0) await Promise.race([tenant.build.done, sleep(waitMs, undefined, { ref: false })]);
    return { created: !old, changed: stored !== old, view: viewOf(tenant) };
  }

  /** @throws ServiceError tenant_not_found, precondition_failed, tenant_conflict, store_unavailable */
  async delete(id: string, conditions: Preconditions = {}): Promise<void> {
    await this.#change(id, conditions, (old, version) => {
      if (!old) throw notFound(id);
      return { id, version: version + 1, deleted_at: new Date().toISOString() };
    });
  }

  /** What the owner of a definition should know though nothing is wrong with it. */
  warnings(definition: TenantDefinition): Warning[] {
    return warningsOf(definition, this.#options.unknownWords);
  }

  #next(id: string, definition: TenantDefinition, old: TenantRecord | undefined, version: number): TenantRecord {
    const next = recordOf(id, definition, version + 1);
    if (!old) return next;
    const whole = this.#tenants.get(id)?.serving?.version === old.version;
    const previous = whole ? { version: old.version, definition: old.definition } : old.previous;
    return {
      ...next,
      created_at: old.created_at,
      ...(previous ? { previous } : {}),
      ...(old.imported === undefined ? {} : { imported: old.imported }),
    };
  }

  /**
   * One change of one tenant: looks at what is stored, asks `make` what shall be, stores that unless somebody was faster, and only
   * then makes it so here. `make` is given the version that the next one has to exceed, and gives back `old` for no change.
   */
  #change<T extends StoredTenant>(
    id: string,
    conditions: Preconditions,
    make: (old: TenantRecord | undefined, version: number) => T,
  ): Promise<{ old: TenantRecord | undefined; stored: T }> {
    return this.#locks.run(id, async () => {
      for (let attempt = 0; attempt < MAX_CONFLICTS; attempt++) {
        if (this.#stopped) {
          throw new ServiceError('shutting_down', 'The service is shutting down; send the request again.', {
            retryAfter: 1,
          });
        }
        const before = await this.#options.store.get(id);
        if (before) this.#apply(before);
        const old = before && isRecord(before) ? before : undefined;
        checkConditions(old, conditions);
        const stored = make(old, before?.version ?? 0);
        if (stored === old || (await this.#options.store.write(stored, before?.version ?? 0))) {
          this.#apply(stored);
          return { old, stored };
        }
      }
      throw new ServiceError('tenant_conflict', 'Others are changing this tenant all the time; try again.', {
        retryAfter: 1,
      });
    });
  }

  /** Takes over what is stored now, whoever has stored it: the newest version wins, whatever the order of hearing of it. */
  #apply(stored: StoredTenant, { build } = { build: true }): void {
    const { id, version } = stored;
    if (this.#stopped || version <= (this.#removed.get(id) ?? 0)) return;
    const known = this.#tenants.get(id);
    if (known && known.record.version >= version) return;
    if (!isRecord(stored)) {
      this.#removed.set(id, version);
      this.#tenants.delete(id);
      void this.#cancel(known);
      if (known?.serving) this.#dropLater(known.serving.headId);
      return;
    }
    const tenant: Tenant = {
      record: stored,
      etag: etagOf(stored),
      progress: NO_PROGRESS,
      ...(known?.serving ? { serving: known.serving } : {}),
    };
    this.#tenants.set(id, tenant);
    const cancelled = this.#cancel(known);
    if (build) this.#build(id, tenant, FIRST_RETRY_MS, cancelled);
  }

  #find(id: string): Tenant {
    const tenant = this.#tenants.get(id);
    if (tenant) return tenant;
    throw notFound(id);
  }

  #build(id: string, tenant: Tenant, retryMs = FIRST_RETRY_MS, after: Promise<unknown> = Promise.resolve()): void {
    const abort = new AbortController();
    const done = after
      .then(() => this.#run(tenant, abort.signal))
      .then(
        () => {
          delete tenant.build;
        },
        (error: unknown) => {
          delete tenant.build;
          if (abort.signal.aborted) return;
          tenant.failure =
            error instanceof ServiceError
              ? error.message
              : 'The features could not be built; the reason is in the log.';
          this.#options.onFailed?.({ id, version: tenant.record.version, error, retryInMs: retryMs });
          const retry = this.#after(retryMs, () => {
            if (this.#tenants.get(id) === tenant) this.#build(id, tenant, Math.min(2 * retryMs, LONGEST_RETRY_MS));
          });
          if (retry) tenant.retry = retry;
        },
      );
    tenant.build = { abort, done };
  }

  async #run(tenant: Tenant, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    const { record } = tenant;
    const meter = new ProgressMeter();
    const serving = await this.#heads.make(record, {
      signal,
      onProgress: (done, total) => {
        tenant.progress = meter.at(done, total);
      },
    });
    const old = tenant.serving;
    tenant.serving = serving;
    delete tenant.failure;
    if (old) this.#dropLater(old.headId);
    const { id, version } = record;
    this.#options.onBuilt?.({ id, version, seconds: (performance.now() - began) / 1000 });
  }

  async #cancel(tenant: Tenant | undefined): Promise<void> {
    if (!tenant) return;
    if (tenant.retry) {
      clearTimeout(tenant.retry);
      this.#timers.delete(tenant.retry);
    }
    tenant.build?.abort.abort(
      new ServiceError('tenant_conflict', 'The tenant was changed while its features were built.'),
    );
    await tenant.build?.done;
  }

  #dropLater(headId: string): void {
    this.#after(this.#options.headGraceMs ?? 60_000, () => void this.#heads.drop(headId));
  }

  #after(ms: number, task: () => void): NodeJS.Timeout | undefined {
    if (this.#stopped) return undefined;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      task();
    }, ms);
    timer.unref();
    this.#timers.add(timer);
    return timer;
  }
}

function recordOf(id: string, definition: TenantDefinition, version: number): TenantRecord {
  const now = new Date().toISOString();
  return { id, version, created_at: now, updated_at: now, definition };
}

function notFound(id: string): ServiceError {
  return new ServiceError(
    'tenant_not_found',
    `There is no tenant ${JSON.stringify(id.slice(0, 64))}; PUT /v1/tenants/{tenant} makes one.`,
  );
}
