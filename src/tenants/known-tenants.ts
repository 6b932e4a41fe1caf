import { defined } from '../defined.ts';
import { ServiceError } from '../errors/index.ts';
import type { TenantBuilds } from './builds.ts';
import { NO_PROGRESS } from './progress.ts';
import { etagOf, isRecord, type StoredTenant } from './record.ts';
import type { Tenant } from './tenant.ts';

/** The error for a tenant that does not exist. */
export function notFound(id: string): ServiceError {
  return new ServiceError(
    'tenant_not_found',
    `There is no tenant ${JSON.stringify(id.slice(0, 64))}; PUT /v1/tenants/{tenant} creates it.`,
  );
}

/** Called when a tenant was removed; `replaced`: a new tenant of the same name was created before this process learned of the removal. */
export type OnRemoved = (id: string, how: 'removed' | 'replaced') => void;

/** Removed tenants whose versions are remembered, the newest; a notification is late by seconds. */
const MAX_REMOVED = 10_000;

/** The tenants as this process knows them. It follows the store: each stored state is applied, from this or another process. */
export class KnownTenants {
  readonly #builds: TenantBuilds;
  readonly #tenants = new Map<string, Tenant>();
  /** Last versions of removed tenants, so that a late notification of an earlier version does not bring a tenant back. */
  readonly #removed = new Map<string, number>();
  #stopped = false;
  readonly #listeners: OnRemoved[] = [];

  constructor(builds: TenantBuilds) {
    this.#builds = builds;
  }

  get all(): ReadonlyMap<string, Tenant> {
    return this.#tenants;
  }

  /** @throws ServiceError tenant_not_found */
  find(id: string): Tenant {
    const tenant = this.#tenants.get(id);
    if (tenant) return tenant;
    throw notFound(id);
  }

  /** Whether the features of this version are complete and serve. */
  serves(id: string, version: number): boolean {
    return this.#tenants.get(id)?.serving?.version === version;
  }

  /** Applies nothing from here on, and ends all builds. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#builds.stop();
    await Promise.allSettled([...this.#tenants.values()].map((tenant) => this.#builds.cancel(tenant)));
  }

  /**
   * Applies a stored record, from this or another process. The newest version wins, in any order of notifications. Within one
   * version only `cancelled` can change, and only to true.
   * @param options.own whether this process has stored it and so builds first
   */
  apply(stored: StoredTenant, { own = false, build = true }: { own?: boolean; build?: boolean } = {}): void {
    const { id, version } = stored;
    if (this.#stopped || version <= (this.#removed.get(id) ?? 0)) return;
    const known = this.#tenants.get(id);
    if (known && known.record.version > version) return;
    if (!isRecord(stored)) {
      this.#remove(id, version);
      return;
    }
    if (known?.record.version === version && (known.record.cancelled || !stored.cancelled)) return;
    if (known && known.record.created_at !== stored.created_at) this.#tell(id, 'replaced');
    const tenant: Tenant = {
      record: stored,
      etag: etagOf(stored),
      progress: known?.record.version === version ? known.progress : NO_PROGRESS,
      ...defined({ serving: known?.serving }),
    };
    this.#tenants.set(id, tenant);
    const after = known ? this.#builds.cancel(known) : Promise.resolve();
    if (build) this.#builds.begin(tenant, { own, after });
  }

  #remove(id: string, version: number): void {
    const known = this.#tenants.get(id);
    this.#removed.delete(id);
    this.#removed.set(id, version);
    const [oldest] = this.#removed.keys();
    if (this.#removed.size > MAX_REMOVED && oldest !== undefined) this.#removed.delete(oldest);
    this.#tenants.delete(id);
    if (known) void this.#builds.cancel(known);
    this.#builds.retire(known?.serving);
    this.#tell(id, 'removed');
  }

  /** @param listener called when a tenant was removed, by this or another process */
  watchRemovals(listener: OnRemoved): void {
    this.#listeners.push(listener);
  }

  #tell(...removal: Parameters<OnRemoved>): void {
    for (const listener of this.#listeners) listener(...removal);
  }
}
