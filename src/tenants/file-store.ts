import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { TENANT_ID, TenantRecord } from './definition.ts';
import { removeDurably, TEMPORARY, writeDurably } from './durable.ts';
import type { TenantStore } from './store.ts';

const valid = new Ajv().compile(TenantRecord);
const SUFFIX = '.json';

export interface FileStoreOptions {
  /** A file that is not a tenant (edited by hand, a broken disk) is renamed to *.damaged, never silently dropped. */
  onDamaged: (file: string, reason: string) => void;
}

/** Tenants as one JSON file each in `<dataDir>/tenants`: readable, greppable, easy to back up. One writing process at a time. */
export class FileStore implements TenantStore {
  readonly #dir: string;
  readonly #onDamaged: FileStoreOptions['onDamaged'];

  private constructor(dir: string, onDamaged: FileStoreOptions['onDamaged']) {
    this.#dir = dir;
    this.#onDamaged = onDamaged;
  }

  static async open(dataDir: string, { onDamaged }: FileStoreOptions): Promise<FileStore> {
    const dir = join(dataDir, 'tenants');
    await mkdir(dir, { recursive: true });
    for (const name of await readdir(dir)) if (TEMPORARY.test(name)) await rm(join(dir, name), { force: true });
    return new FileStore(dir, onDamaged);
  }

  #path(id: string): string {
    return join(this.#dir, id + SUFFIX);
  }

  async list(): Promise<TenantRecord[]> {
    const names = (await readdir(this.#dir))
      .filter((n) => n.endsWith(SUFFIX) && TENANT_ID.test(n.slice(0, -SUFFIX.length)))
      .sort();
    const records: TenantRecord[] = [];
    for (const name of names) {
      const record = await this.get(name.slice(0, -SUFFIX.length));
      if (record) records.push(record);
    }
    return records;
  }

  async get(id: string): Promise<TenantRecord | undefined> {
    if (!TENANT_ID.test(id)) return undefined;
    let text: string;
    try {
      text = await readFile(this.#path(id), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    let reason: string;
    try {
      const value: unknown = JSON.parse(text);
      if (valid(value) && (value as TenantRecord).id === id) return value as TenantRecord;
      reason = valid.errors
        ? `${valid.errors[0]?.instancePath} ${valid.errors[0]?.message}`
        : 'the id inside is another';
    } catch (error) {
      reason = (error as Error).message;
    }
    await rename(this.#path(id), `${this.#path(id)}.damaged`);
    this.#onDamaged(`${this.#path(id)}.damaged`, reason);
    return undefined;
  }

  async put(record: TenantRecord): Promise<void> {
    await writeDurably(this.#path(record.id), `${JSON.stringify(record, null, 1)}\n`);
  }

  async delete(id: string): Promise<void> {
    await removeDurably(this.#path(id));
  }

  async unseeded(): Promise<boolean> {
    return stat(join(this.#dir, '.seeded')).then(
      () => false,
      () => true,
    );
  }

  async markSeeded(): Promise<void> {
    await writeDurably(join(this.#dir, '.seeded'), '');
  }
}
