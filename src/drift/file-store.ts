import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeDurably, writeDurably } from '../storage/durable.ts';
import { tolerant } from '../storage/tolerant.ts';
import { validatorOf } from '../validator.ts';
import { type DriftState, type DriftStore, Slots, StoredBaseline } from './store.ts';

const validSlots = validatorOf(tolerant(Slots));
const validBaseline = validatorOf(tolerant(StoredBaseline));
const FILE = /^(.+)\.(slots|baseline)\.json$/;

/** Two files per tenant in `<dataDir>/drift`. An unreadable file counts as absent, because lost counts do little harm. */
export class FileDriftStore implements DriftStore {
  readonly shared = false;
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async open(dataDir: string): Promise<FileDriftStore> {
    const dir = join(dataDir, 'drift');
    await mkdir(dir, { recursive: true });
    return new FileDriftStore(dir);
  }

  async readAll(): Promise<Map<string, DriftState>> {
    const all = new Map<string, DriftState>();
    for (const name of await readdir(this.#dir)) {
      const [, tenant, part] = FILE.exec(name) ?? [];
      if (tenant === undefined || tenant.startsWith('.')) continue;
      const value = await this.#read(name);
      const state = all.get(tenant) ?? { own: {}, others: [], baseline: undefined };
      if (part === 'slots' && validSlots(value)) state.own = value as Slots;
      if (part === 'baseline' && validBaseline(value)) state.baseline = value as StoredBaseline;
      all.set(tenant, state);
    }
    return all;
  }

  async #read(name: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(join(this.#dir, name), 'utf8'));
    } catch {
      return undefined;
    }
  }

  writeSlots(tenant: string, slots: Slots): Promise<void> {
    return writeDurably(join(this.#dir, `${tenant}.slots.json`), JSON.stringify(slots));
  }

  pin(tenant: string, baseline: StoredBaseline): Promise<void> {
    return writeDurably(join(this.#dir, `${tenant}.baseline.json`), JSON.stringify(baseline));
  }

  unpin(tenant: string): Promise<void> {
    return removeDurably(join(this.#dir, `${tenant}.baseline.json`));
  }

  async remove(tenant: string): Promise<void> {
    await this.unpin(tenant);
    await removeDurably(join(this.#dir, `${tenant}.slots.json`));
  }
}
