import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/index.ts';
import { ServiceError } from '../errors/index.ts';
import { FileStore } from '../tenants/file-store.ts';
import { Database } from '../tenants/postgres/database.ts';
import { MIGRATIONS } from '../tenants/postgres/migrations.ts';
import { PostgresStore } from '../tenants/postgres/store.ts';
import type { TenantStore } from '../tenants/store.ts';

export interface OpenStoreOptions {
  onProblem: (level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>) => void;
}

export interface OpenStore {
  store: TenantStore;
  /** Where the store is one: keys, features and whatever else replicas share live there too. */
  database: Database | undefined;
  close(): Promise<void>;
}

/** How long a database that is not there yet is waited for, as when everything is started at once. */
const PATIENCE_MS = 30_000;
const RETRY_MS = 1000;

/** The store that the configuration names. @throws ServiceError store_unavailable */
export async function openStore(config: Config, { onProblem }: OpenStoreOptions): Promise<OpenStore> {
  if (config.store === 'directory') {
    const store = await FileStore.open(config.dataDir, {
      onDamaged: (file, reason) =>
        onProblem('error', 'a tenant file was damaged and has been set aside', { file, reason }),
    });
    return { store, database: undefined, close: () => store.close() };
  }
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      const database = await Database.open(config.store, {
        migrations: MIGRATIONS,
        onReachable: (reachable, reason) =>
          reachable
            ? onProblem('info', 'the database can be reached again', {})
            : onProblem('error', 'the database cannot be reached; tenants cannot be changed', { reason }),
      });
      const store = new PostgresStore(database);
      const close = async () => {
        await store.close();
        await database.close();
      };
      return { store, database, close };
    } catch (error) {
      if (!(error instanceof ServiceError) || Date.now() > end) throw error;
      onProblem('warn', 'the database cannot be reached yet, trying again', { reason: error.internal });
      await sleep(RETRY_MS);
    }
  }
}
