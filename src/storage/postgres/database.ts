import pg from 'pg';
import { ServiceError } from '../../errors/index.ts';
import type { Topic } from './changes.ts';
import { ChangeListener, type ListenerOptions } from './listener.ts';
import { type Migration, migrate } from './migrate.ts';
import type { Query } from './query.ts';

export type { Query };

/** `connect_timeout` of the address, as psql and other clients of libpq read it: whole seconds, 0 for no limit. */
export function connectTimeoutMs(url: string): number {
  const given = URL.canParse(url) ? new URL(url).searchParams.get('connect_timeout') : null;
  return 1000 * (given !== null && /^\d{1,6}$/.test(given) ? Number(given) : CONNECT_TIMEOUT_S);
}

export interface DatabaseOptions extends ListenerOptions {
  /** Called for each operation of an open database that fails because the server does not serve. */
  onFailure?: () => void;
  migrations: readonly Migration[];
}

/** Longest time for a connection to be made where the address has no connect_timeout, seconds. */
const CONNECT_TIMEOUT_S = 3;
const QUERY_TIMEOUT_MS = 15_000;
const CONNECTIONS = 6;

/**
 * One PostgreSQL server for all stores: statements, transactions, and notifications of changes. The next statement opens a
 * lost connection again. While the server is unreachable, every statement rejects with store_unavailable (503).
 */
export class Database {
  readonly #pool: pg.Pool;
  readonly #listener: ChangeListener;
  readonly #onFailure: DatabaseOptions['onFailure'];

  private constructor(pool: pg.Pool, listener: ChangeListener, onFailure: DatabaseOptions['onFailure']) {
    this.#pool = pool;
    this.#listener = listener;
    this.#onFailure = onFailure;
  }

  /** Connects and brings the schema up to date; many replicas may do so at the same time. */
  static async open(url: string, { migrations, onFailure, ...listening }: DatabaseOptions): Promise<Database> {
    const settings: pg.ClientConfig = {
      connectionString: url,
      application_name: 'clipn-gate',
      connectionTimeoutMillis: connectTimeoutMs(url),
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
    };
    const pool = new pg.Pool({ ...settings, max: CONNECTIONS, idleTimeoutMillis: 30_000 });
    // the pool drops an idle connection that breaks; without a listener the event would end the process
    pool.on('error', () => {});
    try {
      await reachable(() => migrate(settings, migrations));
    } catch (error) {
      await pool.end();
      throw error;
    }
    return new Database(pool, new ChangeListener(settings, listening), onFailure);
  }

  readonly query: Query = <R extends object>(sql: string, values: unknown[] = []) =>
    reachable(async () => (await this.#pool.query<R>(sql, values)).rows, this.#onFailure);

  /** All statements that `work` runs through its query are committed together or not at all. */
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return reachable(async () => {
      const client = await this.#pool.connect();
      let broken: Error | undefined;
      const onError = (error: Error) => {
        broken = error;
      };
      client.on('error', onError);
      try {
        await client.query('begin');
        const result = await work(
          async <R extends object>(sql: string, values: unknown[] = []) => (await client.query<R>(sql, values)).rows,
        );
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback').catch((e: Error) => {
          broken ??= e;
        });
        throw error;
      } finally {
        client.off('error', onError);
        client.release(broken ?? false);
      }
    }, this.#onFailure);
  }

  /**
   * Calls `look` when data of this topic may have changed; see `changes.ts`.
   */
  watch(topic: Topic, look: () => Promise<void>): void {
    this.#listener.watch(topic, look);
  }

  async close(): Promise<void> {
    await this.#listener.close();
    if (!this.#pool.ended) await this.#pool.end();
  }
}

/**
 * Whether the error means that the server does not serve at present: classes 08, 53, 57P and 58 (its disk is full, say), the end of the
 * session (severity FATAL or PANIC, whatever the class), or a socket error without SQLSTATE.
 */
export function unreachable(error: unknown): boolean {
  if (error instanceof ServiceError) return false;
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  if (severity === 'FATAL' || severity === 'PANIC') return true;
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) {
    // 3D000 and 28*: database or role may not exist yet; 25006: a standby that has not become the primary yet
    return /^(08|53|57P|58|28|3D000|25006)/.test(code);
  }
  if (typeof code === 'string') return /^E[A-Z]+/.test(code);
  return /terminat|timeout|connection|ended|closed/i.test(String((error as Error).message));
}

async function reachable<T>(work: () => Promise<T>, onFailure?: () => void): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!unreachable(error)) throw error;
    onFailure?.();
    throw new ServiceError(
      'store_unavailable',
      'The database cannot be reached. Nothing can be changed now. Detection continues.',
      { internal: String((error as Error).message), cause: error, retryAfterSeconds: 2 },
    );
  }
}
