import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Method } from '../clipn/index.ts';
import type { Head } from '../engine/index.ts';
import { ServiceError } from '../errors/index.ts';
import { archiveOf, decodeArchive, encodeArchive, originOf } from './archive.ts';
import { importedState, sameState } from './archived-state.ts';
import { type BuildOptions, TenantBuilds } from './builds.ts';
import { type CalibrationState, calibrationOf } from './calibration/change.ts';
import { type ChangeOptions, TenantChanges } from './changes.ts';
import { checkDefinition, checkTenantId, sameDefinition, type TenantDefinition } from './definition.ts';
import { DEMO, DEMO_ID } from './demo.ts';
import { eventsRefused, type TenantEvents } from './events.ts';
import { type ClassWithExamples, examplesOf } from './examples/change.ts';
import { pinsOf, TenantHeads, type TenantModel } from './heads.ts';
import { KnownTenants, notFound, type OnRemoved } from './known-tenants.ts';
import { ALONE, type BuildLeases } from './leases.ts';
import { type ListPage, listTenants } from './list.ts';
import { type MoveOptions, moveTenants } from './move.ts';
import { type Change, nextRecord, recordOf } from './next-record.ts';
import type { PutOptions, PutResult, Revision } from './put.ts';
import type { TenantRecord } from './record.ts';
import type { TenantStore } from './store.ts';
import { type Serving, type Tenant, type TenantState, type TenantView, viewOf } from './tenant.ts';
import type { CutOffWarning, Warning } from './warnings.ts';

export type { PutOptions, PutResult };

export interface RegistryOptions extends TenantModel {
  store: TenantStore;
  defaults: { method: Method };
  limits: { maxClasses: number };
  /** Assigns builds to processes, where several share the store. */
  leases?: BuildLeases;
  /** Whether a directory is watched, so that tenants of its files are read-only for the API. */
  watchesFiles?: boolean;
  /** The reason why events of a tenant cannot be sent as its definition asks, in words. */
  eventsFault?: (id: string, events: TenantEvents) => string | undefined;
  onBuilt?: BuildOptions['onBuilt'];
  onFailed?: BuildOptions['onFailed'];
  headGraceMs?: number;
}

/** Tenants that are loaded at the same time during the start; loading mostly waits for disk or database. */
const STARTERS = 8;
/**
 * All tenants. A change stores the definition, then builds features, then switches to them. It is acknowledged only once the
 * definition is stored. Old features serve until the new ones are complete. Changes of other processes are applied when the
 * store reports them.
 */
export class TenantRegistry {
  readonly #options: RegistryOptions;
  readonly #heads: TenantHeads;
  readonly #builds: TenantBuilds;
  readonly #known: KnownTenants;
  readonly #changes: TenantChanges;

  constructor(options: RegistryOptions) {
    const { leases = ALONE, onBuilt, onFailed, headGraceMs = 60_000 } = options;
    this.#options = options;
    this.#heads = new TenantHeads(options, options.defaults.method);
    this.#builds = new TenantBuilds({ heads: this.#heads, leases, onBuilt, onFailed, headGraceMs });
    this.#known = new KnownTenants(this.#builds);
    this.#changes = new TenantChanges(options.store, this.#known);
  }

  /** Reads all definitions. From then on every tenant is known, even while its features are not ready. */
  async load(): Promise<void> {
    const { store } = this.#options;
    await store.seed(recordOf(DEMO_ID, DEMO, 1));
    for (const record of await store.list()) this.#known.apply(record, { build: false });
    store.subscribe((stored) => this.#known.apply(stored));
  }

  /** Builds the loaded tenants, mostly from the cache. Resolves when each of them serves or has failed once. */
  async start(): Promise<void> {
    const limited = pLimit(STARTERS);
    const start = async (tenant: Tenant) => {
      if (!tenant.build && !tenant.serving) this.#builds.begin(tenant, { own: true });
      await tenant.build?.done;
    };
    await Promise.all([...this.#known.all.values()].map((tenant) => limited(() => start(tenant))));
  }

  /** @param listener called when a tenant was removed, by this or another process */
  watchRemovals = (listener: OnRemoved): void => this.#known.watchRemovals(listener);

  async stop(): Promise<void> {
    this.#changes.stop();
    await this.#known.stop();
  }

  /** @throws ServiceError tenant_not_found, tenant_not_ready */
  resolve(id: string): Serving {
    const tenant = this.#known.find(id);
    if (tenant.serving) return tenant.serving;
    const { record, failure, progress } = tenant;
    const why = record.cancelled
      ? `The build of tenant "${id}" was cancelled; PUT it again.`
      : (failure ?? `The features of tenant "${id}" are being built (${progress.done} of ${progress.total} texts).`);
    throw new ServiceError('tenant_not_ready', why, { retryAfterSeconds: 1 });
  }

  /** The numbers of a head in service, for an engine that has evicted it; undefined if the head was dropped. */
  loadHead(headId: string): Promise<Head | undefined> {
    return this.#heads.load(headId);
  }

  /** Moves all tenants to another model at once; see `moveTenants`. Resolves with the heads of the old one. */
  moveTo(model: TenantModel, options: MoveOptions): Promise<string[]> {
    return moveTenants(this.#known.all, this.#heads, model, options);
  }

  async dropHeads(headIds: readonly string[]): Promise<void> {
    await Promise.all(headIds.map((id) => this.#heads.drop(id)));
  }

  /** @throws ServiceError tenant_not_found */
  get(id: string): TenantView {
    return viewOf(this.#known.find(id));
  }

  /** The newest definition; undefined if there is no such tenant. */
  definitionOf(id: string): TenantDefinition | undefined {
    return this.#known.all.get(id)?.record.definition;
  }

  /** A page of the matching tenants, in order of id. */
  list(page: ListPage): { tenants: TenantView[]; next: string | null } {
    return listTenants(this.#known.all, page);
  }

  counts(): Record<TenantState, number> {
    const counts = { ready: 0, building: 0, failed: 0, cancelled: 0 };
    for (const tenant of this.#known.all.values()) counts[viewOf(tenant).state]++;
    return counts;
  }

  /**
   * Stores the definition, then builds; waits `waitMs` for the features. An unchanged definition changes nothing, except that a
   * cancelled build starts again.
   * @throws ServiceError invalid_request, precondition_failed, tenant_read_only, tenant_conflict, store_unavailable
   */
  async put(id: string, definition: TenantDefinition, options: PutOptions): Promise<PutResult> {
    this.check(id, definition);
    const { source, imported, state } = options;
    const { old, stored } = await this.#changes.run(id, options, (old, version) => {
      if (source === undefined) this.#assertWritable(old);
      const same = old && sameDefinition(old.definition, definition) && old.source === source;
      const origin = imported === undefined ? old?.imported : (imported ?? undefined);
      if (same && !old.cancelled && old.imported === origin && (!state || sameState(old, state))) return old;
      const taken = state && importedState(state, old, version + 1);
      return this.#next({ id, definition, source, imported: origin, ...taken }, old, version);
    });
    return this.#change(id, old, stored, options.waitMs);
  }

  /** @throws ServiceError invalid_request where `put` would refuse the content of the definition */
  check(id: string, definition: TenantDefinition): void {
    checkTenantId(id);
    checkDefinition(definition, this.#options.limits);
    this.#heads.check(definition);
    const fault = definition.events && this.#options.eventsFault?.(id, definition.events);
    if (fault !== undefined) throw eventsRefused(fault);
  }

  /**
   * The newest version as one file, features included.
   * @throws ServiceError tenant_not_found, tenant_not_ready while its features are incomplete
   */
  async exportTenant(id: string): Promise<Buffer> {
    const { record, serving } = this.#known.find(id);
    if (serving?.version !== record.version) {
      throw new ServiceError(
        'tenant_not_ready',
        `The features of version ${record.version} of tenant "${id}" are not complete yet.`,
        {
          retryAfterSeconds: 1,
        },
      );
    }
    return encodeArchive(archiveOf(record, await this.#heads.rows(record)));
  }

  /**
   * PUT of an exported tenant. Its features are used, for this tenant only, if they were made with this bundle; otherwise they
   * are built as usual. Its calibration and examples apply with the model that made them.
   * @throws ServiceError import_damaged, and as `put`
   */
  async importTenant(id: string, bytes: Buffer, options: PutOptions): Promise<PutResult> {
    const archive = decodeArchive(bytes);
    this.check(id, archive.definition);
    const origin = originOf(bytes);
    const imported = (await this.#heads.adopt(archive, origin)) ? origin : null;
    return this.put(id, archive.definition, { ...options, imported, state: archive });
  }

  /**
   * Makes the definition of the previous complete version the newest again.
   * @throws ServiceError tenant_not_found, no_previous_version, and as `put`
   */
  async rollBack(id: string, options: { waitMs: number } & ChangeOptions): Promise<PutResult> {
    const { old, stored } = await this.#changes.run(id, options, (old, version) => {
      if (!old) throw notFound(id);
      this.#assertWritable(old);
      if (!old.previous) {
        throw new ServiceError('no_previous_version', `Tenant "${id}" has no version to roll back to.`);
      }
      const { definition, imported, calibration, examples = {} } = old.previous;
      return this.#next({ id, definition, imported, calibration, examples }, old, version);
    });
    return this.#change(id, old, stored, options.waitMs);
  }

  /**
   * Cancels the build of the newest version; the former version continues to serve. The definition stays; PUT starts the build again.
   * @throws ServiceError tenant_not_found, no_build, and as `put`
   */
  async cancelBuild(id: string, options: ChangeOptions = {}): Promise<TenantView> {
    await this.#changes.run(id, options, (old) => {
      if (!old) throw notFound(id);
      if (old.cancelled) return old;
      if (this.#known.serves(id, old.version)) {
        throw new ServiceError('no_build', `No build is in progress: version ${old.version} is ready.`);
      }
      return { ...old, cancelled: true };
    });
    return this.get(id);
  }

  /**
   * Changes the record of an existing tenant, also of one that a file defines; `make` returns `old` for no change. For calibrations and examples.
   * @throws ServiceError tenant_not_found, what `make` throws, and as `put`
   */
  async revise(
    id: string,
    { waitMs, ...options }: { waitMs: number } & ChangeOptions,
    make: (old: TenantRecord, to: Revision) => TenantRecord,
  ): Promise<PutResult> {
    const { old, stored } = await this.#changes.run(id, options, (old, version) => {
      if (!old) throw notFound(id);
      const next = (change: Omit<Change, 'id'>) => this.#next({ id, ...change }, old, version);
      return make(old, { model: this.#heads.model, next });
    });
    return this.#change(id, old, stored, waitMs);
  }

  /** The stored calibration and whether it applies. @throws ServiceError tenant_not_found */
  calibration(id: string): CalibrationState | undefined {
    const { record } = this.#known.find(id);
    return calibrationOf(record, pinsOf(this.#heads.model, record));
  }

  /** The classes with examples. @throws ServiceError tenant_not_found */
  examples(id: string): ClassWithExamples[] {
    return examplesOf(this.#known.find(id).record, this.#heads.model.bundle.wholeId);
  }

  /** The serving versions of all tenants by id. */
  *serving(): Iterable<[string, Serving]> {
    for (const [id, { serving }] of this.#known.all) if (serving) yield [id, serving];
  }

  /** @throws ServiceError tenant_not_found, precondition_failed, tenant_read_only, tenant_conflict, store_unavailable */
  async delete(id: string, { source, ...options }: ChangeOptions & { source?: string } = {}): Promise<void> {
    await this.#changes.run(id, options, (old, version) => {
      if (!old) throw notFound(id);
      if (source === undefined) this.#assertWritable(old);
      return { id, version: version + 1, deleted_at: new Date().toISOString() };
    });
  }

  /** Warnings about a valid definition, for its owner. */
  warnings = (definition: TenantDefinition): Warning[] => this.#heads.warnings(definition);

  /** Warnings about the serving version's classes whose texts its model reads in part only, the first ten. */
  cutOff = ({ headId }: Serving): readonly CutOffWarning[] => this.#heads.cutOff(headId);

  async #change(id: string, old: TenantRecord | undefined, stored: TenantRecord, waitMs: number): Promise<PutResult> {
    const tenant = this.#known.find(id);
    if (tenant.build && waitMs > 0) await Promise.race([tenant.build.done, sleep(waitMs, undefined, { ref: false })]);
    return { created: !old, changed: stored !== old, view: viewOf(tenant) };
  }

  #assertWritable(record: TenantRecord | undefined): void {
    if (record?.source === undefined || !this.#options.watchesFiles) return;
    throw new ServiceError(
      'tenant_read_only',
      `Tenant "${record.id}" is defined by ${record.source} in the watched directory. Change it there.`,
      { extra: { source: record.source } },
    );
  }

  #next(change: Change, old: TenantRecord | undefined, version: number): TenantRecord {
    const complete = old !== undefined && this.#known.serves(old.id, old.version);
    return nextRecord(change, old, { version, complete });
  }
}
