import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { ServiceError } from '../errors/index.ts';
import { writeDurably } from '../storage/durable.ts';
import { KEY_ID } from './api-key.ts';
import { KeyRecord } from './key-record.ts';
import type { DamagedKey, KeyStore, Revocation, StoredKeys } from './key-store.ts';

const valid = new Ajv().compile(KeyRecord);
const SUFFIX = '.json';
const POLL_MS = 400;
/** The folder's time has the grain of the kernel's clock: a younger one may hide a second change behind the first. */
const GRAIN_MS = 100;
/** Files edited in place don't touch the folder: every so often all is read whatever the folder says. */
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

  /** Undefined where the file has gone meanwhile. A damaged file stays where it is: authentication must not fall away with it. */
  async #read(name: string): Promise<KeyRecord | DamagedKey | undefined> {
    const source = join(this.#dir, name);
    try {
      const value: unknown = JSON.parse(await readFile(source, 'utf8'));
      if (!valid(value)) {
        return { source, reason: `${valid.errors?.[0]?.instancePath} ${valid.errors?.[0]?.message}`.trim() };
      }
      const record = value as KeyRecord;
      return record.id + SUFFIX === name ? record : { source, reason: 'the id inside is another' };
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
        'The folder of the keys is read-only here, as a mounted secret is: make and revoke keys where it comes from.',
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
      // a hint for people: lost, it begins anew
      return new Map();
    }
  }

  async noteUsed(times: ReadonlyMap<string, string>): Promise<void> {
    const all = await this.lastUsed();
    for (const [id, at] of times) if (at > (all.get(id) ?? '')) all.set(id, at);
    await writeDurably(this.#lastUsedPath, `${JSON.stringify(Object.fromEntries(all), null, 1)}\n`);
  }

  /** Asks the folder's time instead of the kernel's events: those don't reach over network and container mounts. */
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
      }, POLL_MS);
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
