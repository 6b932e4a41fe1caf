import { ServiceError } from '../errors/index.ts';
import { KeyedLock } from '../storage/keyed-lock.ts';
import { checkConditions, type Preconditions } from './conditions.ts';
import type { KnownTenants } from './known-tenants.ts';
import { isRecord, type StoredTenant, type TenantRecord } from './record.ts';
import type { TenantStore } from './store.ts';

/** Called after a change is stored and before the client gets its answer; null means that there is no version. */
export type OnChanged = (change: { before: number | null; after: number | null }) => Promise<void>;

export interface ChangeOptions extends Preconditions {
  onChanged?: OnChanged | undefined;
}

/** A change that has been stored; `stored` is `old` itself where nothing had to change. */
export interface Changed<T extends StoredTenant> {
  old: TenantRecord | undefined;
  stored: T;
}

/** Attempts of a write against concurrent writers, before the client gets an error. */
const MAX_CONFLICTS = 20;

/** Changes tenants in the store, one change of a tenant at a time in this process. */
export class TenantChanges {
  readonly #store: TenantStore;
  readonly #known: KnownTenants;
  readonly #locks = new KeyedLock();
  #stopped = false;

  constructor(store: TenantStore, known: KnownTenants) {
    this.#store = store;
    this.#known = known;
  }

  /** Refuses changes from here on. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * One change of one tenant: reads the stored record, calls `make` for the new one, stores it unless another writer was
   * faster, and then applies it in this process. `make` receives the version that the new one must exceed, and returns
   * `old` for no change.
   * @throws ServiceError precondition_failed, tenant_conflict, shutting_down, store_unavailable, and what `make` throws
   */
  run<T extends StoredTenant>(
    id: string,
    options: ChangeOptions,
    make: (old: TenantRecord | undefined, version: number) => T,
  ): Promise<Changed<T>> {
    return this.#locks.run(id, async () => {
      for (let attempt = 0; attempt < MAX_CONFLICTS; attempt++) {
        if (this.#stopped) {
          throw new ServiceError('shutting_down', 'The service is shutting down; send the request again.', {
            retryAfterSeconds: 1,
          });
        }
        const before = await this.#store.get(id);
        if (before) this.#known.apply(before, { own: false });
        const old = before && isRecord(before) ? before : undefined;
        checkConditions(old, options);
        const stored = make(old, before?.version ?? 0);
        const same = stored === old;
        if (!same && !(await this.#store.write(stored, before?.version ?? 0))) continue;
        this.#known.apply(stored, { own: true });
        const after = isRecord(stored) ? stored.version : null;
        if (!same) await options.onChanged?.({ before: old?.version ?? null, after });
        return { old, stored };
      }
      throw new ServiceError('tenant_conflict', 'Other clients change this tenant at the same time. Try again.', {
        retryAfterSeconds: 1,
      });
    });
  }
}
