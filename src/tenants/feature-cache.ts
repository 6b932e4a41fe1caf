import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Tower } from '../engine/index.ts';

export interface FeatureKey {
  tower: Tower;
  templates: string[];
  /** Rows that came from elsewhere with one tenant and are that tenant's own: nobody else is judged by them. */
  origin?: string;
}

/** Class features that were computed once, by (bundle, templates, tower, class name); shared between tenants. */
export interface FeatureCache {
  /** One row of unit length per name, or undefined where it is not known. */
  get(key: FeatureKey, names: string[]): Promise<(Float32Array | undefined)[]>;
  /** The names that have no row, without reading any. */
  missing(key: FeatureKey, names: string[]): Promise<string[]>;
  /** rows [names * width]. When it resolves the rows survive a crash. */
  put(key: FeatureKey, names: string[], rows: Float32Array): Promise<void>;
}

/** Where features are computed every time. */
export const NO_CACHE: FeatureCache = {
  get: async (_key, names) => names.map(() => undefined),
  missing: async (_key, names) => names,
  put: async () => {},
};

export interface FileFeatureCacheOptions {
  bundleId: string;
  width: number;
  onEvent?: (result: 'hit' | 'miss') => void;
}

const HASH = 16;
const HEAD = HASH + 4;

/**
 * One file per bundle of records of one size: hash of the key (16 bytes), CRC-32 of the row (4), the row (float32, little endian).
 * Only ever appended to, so a crash can spoil the tail at most, which the next start cuts off; a record whose checksum is
 * wrong is as good as absent. Everything in it can be computed again: deleting the file costs time only.
 */
export class FileFeatureCache implements FeatureCache {
  readonly #file: FileHandle;
  readonly #width: number;
  readonly #onEvent: (result: 'hit' | 'miss') => void;
  readonly #index = new Map<string, number>();
  #end = 0;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(file: FileHandle, options: FileFeatureCacheOptions) {
    this.#file = file;
    this.#width = options.width;
    this.#onEvent = options.onEvent ?? (() => {});
  }

  static async open(dataDir: string, options: FileFeatureCacheOptions): Promise<FileFeatureCache> {
    const dir = join(dataDir, 'features');
    await mkdir(dir, { recursive: true });
    const name = `${options.bundleId.replaceAll(/[^\w.@+-]/g, '_')}.rows`;
    const file = await open(join(dir, name), 'a+');
    const cache = new FileFeatureCache(file, options);
    await cache.#scan();
    return cache;
  }

  get #record(): number {
    return HEAD + 4 * this.#width;
  }

  async #scan(): Promise<void> {
    const { size } = await this.#file.stat();
    const whole = size - (size % this.#record);
    if (whole !== size) await this.#file.truncate(whole);
    const chunk = Buffer.alloc(this.#record * 512);
    for (let at = 0; at < whole; at += chunk.length) {
      const { bytesRead } = await this.#file.read(chunk, 0, Math.min(chunk.length, whole - at), at);
      for (let i = 0; i + this.#record <= bytesRead; i += this.#record) {
        const record = chunk.subarray(i, i + this.#record);
        if (intact(record)) this.#index.set(record.toString('latin1', 0, HASH), at + i);
      }
    }
    this.#end = whole;
  }

  async missing(key: FeatureKey, names: string[]): Promise<string[]> {
    const hashOf = hasher(key);
    return names.filter((name) => !this.#index.has(hashOf(name)));
  }

  async get(key: FeatureKey, names: string[]): Promise<(Float32Array | undefined)[]> {
    const hashOf = hasher(key);
    const rows: (Float32Array | undefined)[] = [];
    const record = Buffer.alloc(this.#record);
    for (const name of names) {
      const at = this.#index.get(hashOf(name));
      let row: Float32Array | undefined;
      if (at !== undefined) {
        const { bytesRead } = await this.#file.read(record, 0, record.length, at);
        // read again from disk, checked again: a verdict must not come from a flipped bit
        if (bytesRead === record.length && intact(record)) row = decode(record);
      }
      this.#onEvent(row ? 'hit' : 'miss');
      rows.push(row);
    }
    return rows;
  }

  put(key: FeatureKey, names: string[], rows: Float32Array): Promise<void> {
    if (rows.length !== names.length * this.#width)
      throw new RangeError(`${rows.length} numbers for ${names.length} names of ${this.#width}`);
    const hashOf = hasher(key);
    const fresh = new Map<string, number>();
    for (const [i, name] of names.entries()) {
      const hash = hashOf(name);
      if (!this.#index.has(hash)) fresh.set(hash, i);
    }
    const write = async () => {
      if (fresh.size === 0) return;
      const bytes = Buffer.alloc(fresh.size * this.#record);
      let at = 0;
      for (const [hash, i] of fresh) {
        encode(bytes.subarray(at, at + this.#record), hash, rows.subarray(i * this.#width, (i + 1) * this.#width));
        at += this.#record;
      }
      try {
        await this.#file.appendFile(bytes);
        await this.#file.datasync();
      } catch (error) {
        // half a record would shift all that follow
        await this.#file.truncate(this.#end);
        throw error;
      }
      at = this.#end;
      for (const hash of fresh.keys()) {
        this.#index.set(hash, at);
        at += this.#record;
      }
      this.#end = at;
    };
    const done = this.#writing.then(write);
    this.#writing = done.catch(() => {});
    return done;
  }

  /** How many rows are known. */
  get size(): number {
    return this.#index.size;
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }
}

function hasher({ tower, templates, origin }: FeatureKey): (name: string) => string {
  const prefix = JSON.stringify(origin === undefined ? [tower, templates] : [tower, templates, origin]);
  return (name) => createHash('sha256').update(prefix).update('\0').update(name).digest().toString('latin1', 0, HASH);
}

function encode(record: Buffer, hash: string, row: Float32Array): void {
  record.write(hash, 0, HASH, 'latin1');
  for (const [i, value] of row.entries()) record.writeFloatLE(value, HEAD + 4 * i);
  record.writeUInt32LE(crc32(record.subarray(HEAD)), HASH);
}

function decode(record: Buffer): Float32Array {
  const row = new Float32Array((record.length - HEAD) / 4);
  for (let i = 0; i < row.length; i++) row[i] = record.readFloatLE(HEAD + 4 * i);
  return row;
}

function intact(record: Buffer): boolean {
  return record.readUInt32LE(HASH) === crc32(record.subarray(HEAD));
}
