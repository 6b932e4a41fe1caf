import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Method } from '../clipn/index.ts';
import type { HeadHost, TextFeatureBuilder } from '../engine/index.ts';
import { ServiceError } from '../errors/index.ts';
import {
  checkDefinition,
  checkTenantId,
  etagOf,
  promptsOf,
  sameDefinition,
  type TenantDefinition,
  type TenantRecord,
} from './definition.ts';
import { DEMO, DEMO_ID } from './demo.ts';
import type { FeatureCache } from './feature-cache.ts';
import { featuresOf } from './features.ts';
import { KeyedLock } from './keyed-lock.ts';
import type { TenantStore } from './store.ts';
import type { Serving, Tenant, TenantState, TenantView } from './tenant.ts';

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

/** What a client demands of the stored state before it is changed (RFC 9110): entity tags as sent, or "*". */
export interface Preconditions {
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
}

export interface PutOutcome {
  created: boolean;
  changed: boolean;
  view: TenantView;
}

export interface Warning {
  code: 'unknown_words' | 'duplicate_class' | 'single_class';
  message: string;
  class?: string;
  index?: number;
  words?: string[];
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
/** Warnings of one kind that a reply lists one by one. */
const MAX_WARNINGS = 100;

/**
 * Tenants: the durable definition first, then features, then the swap. A definition is acknowledged only once it is stored;
 * old features serve until the new ones are whole; a build that fails is tried again until it is replaced or removed.
 */
export class TenantRegistry {
  readonly #options: RegistryOptions;
  readonly #tenants = new Map<string, Tenant>();
  readonly #locks = new KeyedLock();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopped = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Reads all definitions, so that from here on a tenant is known even where its features are not ready. */
  async load(): Promise<void> {
    const { store } = this.#options;
    if (await store.unseeded()) {
      if (!(await store.get(DEMO_ID))) await store.put(newRecord(DEMO_ID, DEMO));
      await store.markSeeded();
    }
    for (const record of await store.list()) this.#tenants.set(record.id, { record, progress: { done: 0, total: 0 } });
  }

  /** Builds what was loaded, mostly from the cache, and resolves when every tenant serves or has failed once. */
  async start(): Promise<void> {
    for (const [id, tenant] of [...this.#tenants]) {
      this.#build(id, tenant);
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

  get(id: string): TenantView {
    return view(this.#find(id));
  }

  /** In order of id, after `after`. */
  list({ after, limit }: { after?: string | undefined; limit: number }): {
    tenants: TenantView[];
    next: string | null;
  } {
    const ids = [...this.#tenants.keys()].sort().filter((id) => after === undefined || id > after);
    const page = ids.slice(0, limit);
    return {
      tenants: page.map((id) => view(this.#find(id))),
      next: ids.length > limit ? (page.at(-1) as string) : null,
    };
  }

  counts(): Record<TenantState, number> {
    const counts = { ready: 0, building: 0, failed: 0 };
    for (const tenant of this.#tenants.values()) counts[view(tenant).state]++;
    return counts;
  }

  /**
   * Stores the definition, then builds; waits `waitMs` for the features. The same definition again changes nothing.
   * @throws ServiceError invalid_request, precondition_failed
   */
  async put(
    id: string,
    definition: TenantDefinition,
    { waitMs, ...conditions }: { waitMs: number } & Preconditions,
  ): Promise<PutOutcome> {
    checkTenantId(id);
    checkDefinition(definition, this.#options.limits);
    promptsOf(definition, this.#options.bundle.templates);
    const { tenant, created, changed } = await this.#locks.run(id, async () => {
      if (this.#stopped) {
        throw new ServiceError('shutting_down', 'The service is shutting down; send the request again.', {
          retryAfter: 1,
        });
      }
      const old = this.#tenants.get(id);
      checkConditions(old?.record, conditions);
      if (old && sameDefinition(old.record.definition, definition))
        return { tenant: old, created: false, changed: false };
      const record = old ? nextRecord(old.record, definition) : newRecord(id, definition);
      await this.#options.store.put(record);
      await this.#cancel(old);
      const tenant: Tenant = {
        record,
        progress: { done: 0, total: 0 },
        ...(old?.serving ? { serving: old.serving } : {}),
      };
      this.#tenants.set(id, tenant);
      this.#build(id, tenant);
      return { tenant, created: !old, changed: true };
    });
    if (tenant.build && waitMs > 0) await Promise.race([tenant.build.done, sleep(waitMs, undefined, { ref: false })]);
    return { created, changed, view: view(tenant) };
  }

  /** @throws ServiceError tenant_not_found, precondition_failed */
  async delete(id: string, conditions: Preconditions = {}): Promise<void> {
    await this.#locks.run(id, async () => {
      const tenant = this.#find(id);
      checkConditions(tenant.record, conditions);
      await this.#options.store.delete(id);
      this.#tenants.delete(id);
      await this.#cancel(tenant);
      if (tenant.serving) this.#dropLater(tenant.serving.headId);
    });
  }

  /** What the owner of a definition should know though nothing is wrong with it. */
  warnings({ classes, templates, templates_no: templatesNo }: TenantDefinition): Warning[] {
    const { unknownWords } = this.#options;
    const unknown: Warning[] = [];
    const duplicate: Warning[] = [];
    const seen = new Set<string>();
    for (const [index, name] of classes.entries()) {
      const words = unknownWords(name);
      if (words.length > 0) {
        const list = words.map((w) => JSON.stringify(w)).join(', ');
        const message = `The model has not learned ${list} (class ${JSON.stringify(name)}): verdicts about it are little better than a guess.`;
        unknown.push({ code: 'unknown_words', message, class: name, index, words });
      }
      if (seen.has(name)) {
        duplicate.push({
          code: 'duplicate_class',
          message: `The class name ${JSON.stringify(name)} occurs more than once; its probability is split between them.`,
          class: name,
          index,
        });
      }
      seen.add(name);
    }
    const inTemplates = [
      ...new Set([...(templates ?? []), ...(templatesNo ?? [])].flatMap((t) => unknownWords(t.replace('{}', ' ')))),
    ];
    return [
      ...(inTemplates.length > 0
        ? [
            {
              code: 'unknown_words' as const,
              message: `The model has not learned these words of the templates: ${inTemplates.join(', ')}.`,
              words: inTemplates,
            },
          ]
        : []),
      ...(classes.length === 1
        ? [
            {
              code: 'single_class' as const,
              message: 'With one class the rule atd can never reject; ctw and atd-rescaled can.',
            },
          ]
        : []),
      ...unknown.slice(0, MAX_WARNINGS),
      ...duplicate.slice(0, MAX_WARNINGS),
    ];
  }

  #find(id: string): Tenant {
    const tenant = this.#tenants.get(id);
    if (tenant) return tenant;
    throw new ServiceError(
      'tenant_not_found',
      `There is no tenant ${JSON.stringify(id.slice(0, 64))}; PUT /v1/tenants/{tenant} makes one.`,
    );
  }

  #build(id: string, tenant: Tenant, retryMs = FIRST_RETRY_MS): void {
    const abort = new AbortController();
    const done = this.#run(id, tenant, abort.signal).then(
      () => {
        delete tenant.build;
      },
      (error: unknown) => {
        delete tenant.build;
        if (abort.signal.aborted) return;
        tenant.failure =
          error instanceof ServiceError ? error.message : 'The features could not be built; the reason is in the log.';
        this.#options.onFailed?.({ id, version: tenant.record.version, error, retryInMs: retryMs });
        const retry = this.#after(retryMs, () => {
          if (this.#tenants.get(id) === tenant) this.#build(id, tenant, Math.min(2 * retryMs, LONGEST_RETRY_MS));
        });
        if (retry) tenant.retry = retry;
      },
    );
    tenant.build = { abort, done };
  }

  async #run(id: string, tenant: Tenant, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    const { cache, features: builder, heads, bundle, defaults } = this.#options;
    const { definition, version } = tenant.record;
    const prompts = promptsOf(definition, bundle.templates);
    const names = definition.classes;
    const texts = { yes: names.length * prompts.yes.length, no: names.length * prompts.no.length };
    const total = texts.yes + texts.no;
    tenant.progress = { done: 0, total };
    const tower = (name: 'yes' | 'no', before: number) =>
      featuresOf(
        { cache, builder, width: bundle.embeddingDim },
        { names, templates: prompts[name], tower: name },
        {
          signal,
          onProgress: (done) => {
            tenant.progress = { done: before + done, total };
          },
        },
      );
    const yes = await tower('yes', 0);
    const no = await tower('no', texts.yes);
    signal.throwIfAborted();
    const headId = `${id}@${version}.${randomBytes(6).toString('hex')}`;
    await heads.putHead(headId, { classes: names, yes, no });
    if (signal.aborted) {
      this.#dropLater(headId);
      signal.throwIfAborted();
    }
    const old = tenant.serving;
    tenant.serving = { headId, version, classes: names, method: definition.method ?? defaults.method };
    delete tenant.failure;
    if (old) this.#dropLater(old.headId);
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
    this.#after(this.#options.headGraceMs ?? 60_000, () => {
      this.#options.heads.dropHead(headId).catch(() => {});
    });
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

function newRecord(id: string, definition: TenantDefinition): TenantRecord {
  const now = new Date().toISOString();
  return { id, version: 1, created_at: now, updated_at: now, definition };
}

function nextRecord(old: TenantRecord, definition: TenantDefinition): TenantRecord {
  return { ...old, version: old.version + 1, updated_at: new Date().toISOString(), definition };
}

function view(tenant: Tenant): TenantView {
  const { record, serving, progress, failure } = tenant;
  const state: TenantState =
    serving?.version === record.version ? 'ready' : failure !== undefined ? 'failed' : 'building';
  return {
    record,
    etag: etagOf(record),
    state,
    servingVersion: serving?.version,
    progress,
    failure: state === 'failed' ? failure : undefined,
  };
}

function checkConditions(record: TenantRecord | undefined, { ifMatch, ifNoneMatch }: Preconditions): void {
  const listed = (header: string) => header.split(',').map((tag) => tag.trim());
  const etag = record && etagOf(record);
  if (ifMatch !== undefined && !(ifMatch.trim() === '*' ? record : etag && listed(ifMatch).includes(etag))) {
    throw new ServiceError(
      'precondition_failed',
      'The tenant is not in the state that If-Match names; GET it and look again.',
      {
        extra: { current_etag: etag ?? null },
      },
    );
  }
  if (ifNoneMatch !== undefined && (ifNoneMatch.trim() === '*' ? record : etag && listed(ifNoneMatch).includes(etag))) {
    throw new ServiceError('precondition_failed', 'The tenant exists in the state that If-None-Match excludes.', {
      extra: { current_etag: etag },
    });
  }
}
