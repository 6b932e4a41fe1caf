import { ServiceError } from '../../errors/index.ts';
import type { Database } from '../../storage/postgres/database.ts';
import type { FeatureCache, FeatureKey } from '../feature-cache.ts';
import { decodeRow, encodeRow, keyHasher } from '../feature-rows.ts';

export interface PostgresFeaturesOptions {
  bundleId: string;
  width: number;
  /** The cache of this machine; rows from the database are stored there too. */
  local: FeatureCache;
  /** The local cache took no rows, as on a full disk: the database has them all the same. */
  onLocalFault?(error: unknown): void;
  /** Most bytes of rows in the database, for all bundles together. */
  maxBytes: number;
}

/** Rows that are written between two checks of the table's size. */
const LOOK_EVERY = 10_000;
const CHUNK = 1000;
const PRUNE_LOCK = 0x63_6c_69_70_66;

/**
 * Features in the database behind a local cache: one replica computes them, all others read them. While the database is
 * unreachable, local rows stay available, and all others count as missing.
 */
export class PostgresFeatures implements FeatureCache {
  readonly #database: Database;
  readonly #options: PostgresFeaturesOptions;
  #sinceLook = 0;

  constructor(database: Database, options: PostgresFeaturesOptions) {
    this.#database = database;
    this.#options = options;
  }

  async get(key: FeatureKey, names: string[]): Promise<(Float32Array | undefined)[]> {
    const { local, width } = this.#options;
    const rows = await local.get(key, names);
    const places = new Map<string, number>();
    for (const [i, row] of rows.entries()) if (!row) places.set(names[i] as string, i);
    if (places.size === 0) return rows;
    const missing = [...places.keys()];
    const found = await this.#read(key, missing);
    const fresh = new Float32Array(found.size * width);
    for (const [i, row] of [...found.values()].entries()) fresh.set(row, i * width);
    await this.#keep(key, [...found.keys()], fresh);
    return names.map((name, i) => rows[i] ?? found.get(name));
  }

  async #read(key: FeatureKey, names: string[]): Promise<Map<string, Float32Array>> {
    const found = new Map<string, Float32Array>();
    const damaged: Buffer[] = [];
    const hashOf = keyHasher(key);
    const nameOf = new Map(names.map((name) => [hashOf(name).toString('hex'), name]));
    const hashes = [...nameOf.keys()].map((hex) => Buffer.from(hex, 'hex'));
    for (let at = 0; at < hashes.length; at += CHUNK) {
      const rows = await this.#reached(
        () =>
          this.#database.query<{ key: Buffer; row: Buffer }>(
            'select key, row from clipn_features where bundle = $1 and key = any($2)',
            [this.#options.bundleId, hashes.slice(at, at + CHUNK)],
          ),
        [],
      );
      for (const { key: hash, row } of rows) {
        const name = nameOf.get(hash.toString('hex')) as string;
        const values = decodeRow(row, this.#options.width);
        if (values) found.set(name, values);
        else damaged.push(hash);
      }
    }
    if (damaged.length > 0) {
      // removed rows are computed again on demand
      const sql = 'delete from clipn_features where bundle = $1 and key = any($2)';
      await this.#reached(() => this.#database.query(sql, [this.#options.bundleId, damaged]), []);
    }
    return found;
  }

  async missing(key: FeatureKey, names: string[]): Promise<string[]> {
    const absent = await this.#options.local.missing(key, names);
    if (absent.length === 0) return absent;
    const hashOf = keyHasher(key);
    const hashes = absent.map(hashOf);
    const known = new Set<string>();
    for (let at = 0; at < hashes.length; at += CHUNK) {
      const rows = await this.#reached(
        () =>
          this.#database.query<{ key: Buffer }>(
            // updates the time of last use, by which `prune` selects
            `with asked as (select key from clipn_features where bundle = $1 and key = any($2)),
                  used as (update clipn_features f set used = current_date from asked
                           where f.bundle = $1 and f.key = asked.key and f.used < current_date)
             select key from asked`,
            [this.#options.bundleId, hashes.slice(at, at + CHUNK)],
          ),
        [],
      );
      for (const row of rows) known.add(row.key.toString('hex'));
    }
    return absent.filter((_, i) => !known.has((hashes[i] as Buffer).toString('hex')));
  }

  async put(key: FeatureKey, names: string[], rows: Float32Array): Promise<void> {
    const { width, bundleId } = this.#options;
    await this.#keep(key, names, rows);
    const hashOf = keyHasher(key);
    // in order of key, so that two writers of the same rows cannot deadlock
    const encoded = names
      .map((name, i) => ({ hash: hashOf(name), row: encodeRow(rows.subarray(i * width, (i + 1) * width)) }))
      .sort((a, b) => Buffer.compare(a.hash, b.hash));
    for (let at = 0; at < encoded.length; at += CHUNK) {
      const part = encoded.slice(at, at + CHUNK);
      await this.#database.query(
        `insert into clipn_features (bundle, key, row) select $1, * from unnest($2::bytea[], $3::bytea[])
         on conflict do nothing`,
        [bundleId, part.map((e) => e.hash), part.map((e) => e.row)],
      );
    }
    this.#sinceLook += names.length;
    if (this.#sinceLook >= LOOK_EVERY) {
      this.#sinceLook = 0;
      await this.prune();
    }
  }

  /** Stores rows on this machine, where that is possible. */
  async #keep(key: FeatureKey, names: string[], rows: Float32Array): Promise<void> {
    const { local, onLocalFault } = this.#options;
    await local.put(key, names, rows).catch((error: unknown) => onLocalFault?.(error));
  }

  /** Removes the least recently used rows beyond the limit. */
  async prune(): Promise<void> {
    await this.#database.transaction(async (query) => {
      const [turn] = await query<{ mine: boolean }>('select pg_try_advisory_xact_lock($1) as mine', [PRUNE_LOCK]);
      if (!turn?.mine) return;
      await query(
        `delete from clipn_features f using (
           select bundle, key, sum(octet_length(row)) over (order by used desc, added desc, bundle, key) as bytes
           from clipn_features
         ) o where f.bundle = o.bundle and f.key = o.key and o.bytes > $1`,
        [this.#options.maxBytes],
      );
    });
  }

  async #reached<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'store_unavailable') return otherwise;
      throw error;
    }
  }
}
