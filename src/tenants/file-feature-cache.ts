import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FeatureCache, FeatureKey } from './feature-cache.ts';
import { decodeRow, encodeRow, keyHasher, rowBytes } from './feature-rows.ts';
import { RowLog } from './row-log.ts';

export interface FileFeatureCacheOptions {
  bundleId: string;
  width: number;
  /** Most bytes on disk. Above them the least recently used rows are removed; they can be computed again. */
  maxBytes: number;
  onEvent?: (result: 'hit' | 'miss') => void;
}

const SUFFIX = '.rows';
/** Files that this process has open; `tidy` must not remove them. */
const OPEN = new Set<string>();

/**
 * Features in `<dataDir>/features`, one file per bundle. After a deletion of the directory all of them are computed again.
 */
export class FileFeatureCache implements FeatureCache {
  readonly #path: string;
  readonly #options: FileFeatureCacheOptions;
  #log: RowLog;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(path: string, log: RowLog, options: FileFeatureCacheOptions) {
    this.#path = path;
    this.#log = log;
    this.#options = options;
  }

  static async open(dataDir: string, options: FileFeatureCacheOptions): Promise<FileFeatureCache> {
    const dir = join(dataDir, 'features');
    await mkdir(dir, { recursive: true });
    const path = join(dir, `${options.bundleId.replaceAll(/[^\w.@+-]/g, '_')}${SUFFIX}`);
    OPEN.add(path);
    await tidy(dir, options.maxBytes);
    const cache = new FileFeatureCache(path, await RowLog.open(path, rowBytes(options.width)), options);
    await cache.#shrink();
    return cache;
  }

  async missing(key: FeatureKey, names: string[]): Promise<string[]> {
    const hashOf = keyHasher(key);
    return names.filter((name) => !this.#log.has(hashOf(name).toString('latin1')));
  }

  async get(key: FeatureKey, names: string[]): Promise<(Float32Array | undefined)[]> {
    const hashOf = keyHasher(key);
    const rows = await this.#log.read(names.map((name) => hashOf(name).toString('latin1')));
    return rows.map((bytes) => {
      const row = bytes && decodeRow(bytes, this.#options.width);
      this.#options.onEvent?.(row ? 'hit' : 'miss');
      return row;
    });
  }

  put(key: FeatureKey, names: string[], rows: Float32Array): Promise<void> {
    const { width } = this.#options;
    if (rows.length !== names.length * width)
      throw new RangeError(`${rows.length} numbers for ${names.length} names of ${width}`);
    const hashOf = keyHasher(key);
    const write = async () => {
      const fresh = new Map<string, Buffer>();
      for (const [i, name] of names.entries()) {
        const hash = hashOf(name).toString('latin1');
        if (!this.#log.has(hash)) fresh.set(hash, encodeRow(rows.subarray(i * width, (i + 1) * width)));
      }
      if (fresh.size === 0) return;
      await this.#log.append(fresh);
      await this.#shrink();
    };
    const done = this.#writing.then(write);
    this.#writing = done.catch(() => {});
    return done;
  }

  /** Removes a quarter at once, so that the next writes need not shrink again. */
  async #shrink(): Promise<void> {
    const { maxBytes } = this.#options;
    if (this.#log.bytes > maxBytes) this.#log = await this.#log.compacted(0.75 * maxBytes);
  }

  /** Number of stored rows. */
  get size(): number {
    return this.#log.size;
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#log.close();
    OPEN.delete(this.#path);
  }
}

/** Removes leftovers of a compaction. While the total exceeds `maxBytes`, removes caches of unused bundles, oldest first. */
async function tidy(dir: string, maxBytes: number): Promise<void> {
  const names = await readdir(dir);
  for (const name of names) if (name.endsWith('.tmp')) await rm(join(dir, name), { force: true });
  const files = await Promise.all(
    names
      .filter((name) => name.endsWith(SUFFIX))
      .map(async (name) => {
        const path = join(dir, name);
        const { size, mtimeMs } = await stat(path);
        return { path, size, mtimeMs };
      }),
  );
  let total = files.reduce((sum, file) => sum + file.size, 0);
  for (const { path, size } of files.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (total <= maxBytes) return;
    if (OPEN.has(path)) continue;
    await rm(path, { force: true });
    total -= size;
  }
}
