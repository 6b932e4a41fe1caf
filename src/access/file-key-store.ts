import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '../errors/index.ts';
import { POLL_MS } from '../polling.ts';
import { writeDurably } from '../storage/durable.ts';
import { tolerant } from '../storage/tolerant.ts';
import { validatorOf } from '../validator.ts';
import { KEY_ID } from './api-key.ts';
import { KeyRecord } from './key-record.ts';
import type { DamagedKey, KeyStore, Revocation, StoredKeys } from './key-store.ts';

const valid = validatorOf(tolerant(KeyRecord));
const SUFFIX = '.json';
/** Resolution of the folder's modification time: two changes within it may have the same time. */
const GRAIN_MS = 100;
/** Every so many polls all files are read, because editing a file in place does not change the folder's time. */
const READ_ALL_EVERY = 50;

/** One file per key in `<dataDir>/access/keys`, so that command line and service never write the same file at the same time. */
export class FileKeyStore implements KeyStore {
  readonly #dir: string;
  readonly #lastUsedPath: string;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #polling: Promise<void> = Promise.resolve();

  private constructor(dataDir: string) {
    this.#dir = join(dataDir, 'access', 'keys');
    this.#lastUsedPath = join(dataDir, 'access', 'last-used.json');
  }

  static async open(dataDir: string): Promise<FileKeyStore> {
    const store = new FileKeyStore(dataDir);
    await mkdir(store.#dir, { recursive: true, mode: 0o700 });
    return store;
  }

  #path(id: string): string {
    return join(this.#dir, id + SUFFIX);
  }

  async list(): Promise<StoredKeys> {
    const names = (await readdir(this.#dir)).filter((n) => n.endsWith(SUFFIX) && !n.startsWith('.')).sort();
    const read = await Promise.all(names.map((name) => this.#read(name)));
    return {
      keys: read.filter((r) => r !== undefined && 'id' in r),
      damaged: read.filter((r) => r !== undefined && 'reason' in r),
    };
  }

  /** Undefined if the file does not exist any more. A damaged file stays, because a removed key could turn authentication off. */
  async #read(name: string): Promise<KeyRecord | DamagedKey | undefined> {
    const source = join(this.#dir, name);
    try {
      const value: unknown = JSON.parse(await readFile(source, 'utf8'));
      if (!valid(value)) {
        return { source, reason: `${valid.errors[0]?.instancePath} ${valid.errors[0]?.message}`.trim() };
      }
      const record = value as KeyRecord;
      return record.id + SUFFIX === name ? record : { source, reason: 'the id in the file differs from the file name' };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      return { source, reason: (error as Error).message };
    }
  }

  async add(record: KeyRecord): Promise<void> {
    try {
      await writeDurably(this.#path(record.id), `${JSON.stringify(record, null, 1)}\n`);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'EROFS' && code !== 'EACCES' && code !== 'EPERM') throw error;
      throw new ServiceError(
        'store_unavailable',
        'The folder of the keys is read-only here, as a mounted secret is: create and revoke keys at its source.',
        { internal: message, cause: error },
      );
    }
  }

  async revoke(id: string, at: string): Promise<Revocation | undefined> {
    if (!KEY_ID.test(id)) return undefined;
    const record = await this.#read(id + SUFFIX);
    if (!record || 'reason' in record) return undefined;
    if (record.revoked_at !== null) return { record, changed: false };
    const revoked = { ...record, revoked_at: at };
    await this.add(revoked);
    return { record: revoked, changed: true };
  }

  async lastUsed(): Promise<Map<string, string>> {
    try {
      return new Map(Object.entries(JSON.parse(await readFile(this.#lastUsedPath, 'utf8')) as Record<string, string>));
    } catch {
      // times of last use are for information only, so losing them does no harm
      return new Map();
    }
  }

  async noteUsed(times: ReadonlyMap<string, string>): Promise<void> {
    const all = await this.lastUsed();
    for (const [id, at] of times) if (at > (all.get(id) ?? '')) all.set(id, at);
    await writeDurably(this.#lastUsedPath, `${JSON.stringify(Object.fromEntries(all), null, 1)}\n`);
  }

  /** Polls the folder's modification time: file system events do not cross network and container mounts. */
  watch(onChange: () => Promise<void>): void {
    let seen = '';
    let polls = 0;
    const poll = async () => {
      const changed = await stat(this.#dir, { bigint: true }).then(
        ({ mtimeMs, mtimeNs, ino }) => (Date.now() - Number(mtimeMs) < GRAIN_MS ? '' : `${ino}/${mtimeNs}`),
        () => '',
      );
      polls++;
      if (changed !== '' && changed === seen && polls % READ_ALL_EVERY !== 0) return;
      await onChange().then(
        () => {
          seen = changed;
        },
        () => {
          seen = '';
        },
      );
    };
    const again = () => {
      if (this.#closed) return;
      this.#timer = setTimeout(() => {
        this.#polling = poll().finally(again);
      }, POLL_MS.keyFolder);
      this.#timer.unref();
    };
    again();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#polling;
  }
}
