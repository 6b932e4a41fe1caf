import { setTimeout as sleep } from 'node:timers/promises';
import { ACCESS_MIGRATIONS } from '../access/index.ts';
import type { Bundle } from '../bundle/load.ts';
import type { Config } from '../config/index.ts';
import { defined } from '../defined.ts';
import { DRIFT_MIGRATIONS, DriftMonitor, FileDriftStore, PostgresDriftStore } from '../drift/index.ts';
import { ServiceError } from '../errors/index.ts';
import { UserError } from '../errors/user-error.ts';
import { checkFormat } from '../storage/format.ts';
import type { Database } from '../storage/postgres/database.ts';
import { RECORD_MIGRATIONS } from '../storage/records/postgres-records.ts';
import type { FeatureCache } from '../tenants/feature-cache.ts';
import { FileFeatureCache } from '../tenants/file-feature-cache.ts';
import { FileStore } from '../tenants/file-store.ts';
import { ALONE, type BuildLeases } from '../tenants/leases.ts';
import { PostgresFeatures } from '../tenants/postgres/features.ts';
import { PostgresLeases } from '../tenants/postgres/leases.ts';
import { TENANT_MIGRATIONS } from '../tenants/postgres/migrations.ts';
import { PostgresStore } from '../tenants/postgres/store.ts';
import type { TenantStore } from '../tenants/store.ts';
import { checkDataDirectory } from './data-directory.ts';

export interface OpenStoreOptions {
  onProblem: (level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>) => void;
  /** Called with false when the database becomes unreachable, and with true when it is reachable again. */
  onReachable?: (reachable: boolean) => void;
  /** Called for each operation that fails because the store cannot be reached or written. */
  onFailure?: (() => void) | undefined;
  /** Whether this process holds the lock of the data directory. */
  exclusive?: boolean;
  /** Longest wait for a database that does not answer yet, milliseconds. */
  patienceMs?: number;
}

export interface OpenStore {
  store: TenantStore;
  /** Defined if the store is a database; keys, features and drift counts use it too. */
  database: Database | undefined;
  close(): Promise<void>;
}

/** The service waits for its database, because both may be started at the same time. */
const PATIENCE_MS = 30_000;
const RETRY_MS = 1000;
/** Wait for a role or a database that does not exist yet, because an installation may create them after the server. */
const REFUSED_PATIENCE_MS = 5000;

/** Opens the store that the configuration names. @throws ServiceError store_unavailable */
export async function openStore(config: Config, options: OpenStoreOptions): Promise<OpenStore> {
  const { onProblem } = options;
  const database = await openDatabase(config, options);
  if (!database) {
    await checkDataDirectory(config.dataDir);
    await checkFormat(config.dataDir);
    const store = await FileStore.open(config.dataDir, {
      exclusive: options.exclusive ?? false,
      ...defined({ onFailure: options.onFailure }),
      onDamaged: (file, reason) =>
        onProblem('error', 'a tenant file cannot be read; its tenant is not served', { file, reason }),
    });
    return { store, database, close: () => store.close() };
  }
  const store = new PostgresStore(database);
  const close = async () => {
    await store.close();
    await database.close();
  };
  return { store, database, close };
}

/** Opens the database, if the store is one. @throws ServiceError store_unavailable */
export async function openDatabase(
  { store: url }: Config,
  { onProblem, onReachable, onFailure, patienceMs = PATIENCE_MS }: OpenStoreOptions,
): Promise<Database | undefined> {
  if (url === 'directory') return undefined;
  // the driver takes 0.07 s of processor time, which a service without a database need not spend at each start
  const { Database } = await import('../storage/postgres/database.ts');
  const end = Date.now() + patienceMs;
  for (;;) {
    try {
      return await Database.open(url, {
        migrations: [...TENANT_MIGRATIONS, ...DRIFT_MIGRATIONS, ...ACCESS_MIGRATIONS, ...RECORD_MIGRATIONS],
        ...defined({ onFailure }),
        onReachable: (reachable, reason) => {
          onReachable?.(reachable);
          if (reachable) onProblem('info', 'the database can be reached again', {});
          else onProblem('error', 'the database cannot be reached; tenants cannot be changed', { reason });
        },
      });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      const refused = refusal(error);
      if (refused !== undefined && Date.now() > end - patienceMs + Math.min(patienceMs, REFUSED_PATIENCE_MS))
        throw new DatabaseRefusedError(refused);
      if (Date.now() > end) throw error;
      onProblem('warn', 'the database cannot be reached yet, trying again', { reason: error.internal });
      await sleep(RETRY_MS);
    }
  }
}

/** PostgreSQL answers and refuses the role, the password or the database that the setting names. */
export class DatabaseRefusedError extends UserError {
  override readonly name = 'DatabaseRefusedError';

  constructor(reason: string) {
    super(
      `PostgreSQL refuses the connection: ${reason}. Check the role and the database in CLIPN_STORE, and the password in PGPASSWORD.`,
    );
  }
}

/** The server's words if it refuses the role (class 28) or does not know the database (3D000). */
function refusal({ cause }: ServiceError): string | undefined {
  const { code, message } = (cause ?? {}) as { code?: string; message?: string };
  return /^(28...|3D000)$/.test(code ?? '') ? message : undefined;
}

/** The database keeps this many times the rows of one machine: tenants of all replicas, and of the former bundle. */
const SHARED_FACTOR = 8;

/** Opens the feature store and its builder: this machine's disk, and the database if there is one. */
export async function openFeatures(
  config: Config,
  bundle: Bundle,
  database: Database | undefined,
  onEvent: (result: 'hit' | 'miss') => void,
  onLocalFault?: (error: unknown) => void,
): Promise<{ cache: FeatureCache; leases: BuildLeases; close(): Promise<void> }> {
  const options = { bundleId: bundle.textId, width: bundle.manifest.embedding_dim };
  const maxBytes = config.featureCacheBytes;
  const local = await FileFeatureCache.open(config.dataDir, { ...options, maxBytes, onEvent });
  const close = () => local.close();
  if (!database) return { cache: local, leases: ALONE, close };
  const cache = new PostgresFeatures(database, {
    ...options,
    ...defined({ onLocalFault }),
    local,
    maxBytes: SHARED_FACTOR * maxBytes,
  });
  return { cache, leases: new PostgresLeases(database), close };
}

/** Opens the store of verdict counts, beside the tenants. */
export async function openDrift(
  config: Config,
  database: Database | undefined,
  onProblem: (error: unknown) => void,
): Promise<DriftMonitor> {
  const windowMs = config.driftWindowMs;
  const store = database ? new PostgresDriftStore(database, windowMs) : await FileDriftStore.open(config.dataDir);
  const drift = new DriftMonitor({ store, windowMs, onProblem });
  await drift.start();
  return drift;
}
