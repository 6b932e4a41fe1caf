import { type FSWatcher, watch } from 'node:fs';
import { ServiceError } from '../../errors/index.ts';
import { POLL_MS } from '../../polling.ts';
import type { OnChanged } from '../changes.ts';
import { canonical } from '../definition.ts';
import type { TenantRegistry } from '../registry.ts';
import type { TenantDocument } from './parse.ts';
import { DirectoryScan, type ScannedFile } from './scan.ts';

export interface WatchedFile {
  file: string;
  tenants: string[];
  state: 'applied' | 'error';
  error?: string;
}

export interface WatchedStatus {
  directory: string;
  /** Time of the last scan. */
  scannedAt: string | undefined;
  /** The reason why the directory as a whole cannot be followed; faults of files are listed by file. */
  error: string | undefined;
  files: WatchedFile[];
}

export interface WatchedDirectoryOptions {
  directory: string;
  registry: Pick<TenantRegistry, 'put' | 'delete' | 'list'>;
  log: (level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>) => void;
  /** Starts the audit record of a change, before the change is stored. */
  recorded?: (action: string, id: string, file: string) => OnChanged;
  /** Interval of scans where the file system sends no events, as on network and container mounts; milliseconds. */
  pollMs?: number;
  /** Delay after an event, so that a writer can finish: a checkout removes files and writes them again. Milliseconds. */
  settleMs?: number;
}

type Wanted = TenantDocument & { file: string };

const PAGE = 1000;

/**
 * Applies the tenants of a directory (GitOps). A file with a fault changes nothing, neither its own tenants nor others. The
 * tenants of a missing file are removed after it was missing in two scans. An empty directory removes nothing, because a failed
 * mount looks the same.
 */
export class WatchedDirectory {
  readonly #options: WatchedDirectoryOptions;
  readonly #scan: DirectoryScan;
  /** Documents that this process has applied, by tenant. It does not revert changes of replicas that see another directory. */
  readonly #applied = new Map<string, { file: string; text: string }>();
  readonly #missed = new Set<string>();
  readonly #told = new Map<string, string>();
  #status: WatchedStatus;
  #watcher: FSWatcher | undefined;
  #poll: NodeJS.Timeout | undefined;
  #settle: NodeJS.Timeout | undefined;
  #working: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: WatchedDirectoryOptions) {
    this.#options = options;
    this.#scan = new DirectoryScan(options.directory);
    this.#status = { directory: options.directory, scannedAt: undefined, error: undefined, files: [] };
  }

  get status(): WatchedStatus {
    return this.#status;
  }

  /** Scans once, then after every change. When it resolves, definitions are stored; features may still be in progress. */
  async start(): Promise<void> {
    // files that were removed while the service was down count as missing once
    for (const id of this.#ids()) {
      this.#applied.set(id, { file: '', text: '' });
      this.#missed.add(id);
    }
    await this.look();
    this.#poll = setInterval(() => void this.look(), this.#options.pollMs ?? POLL_MS.tenantFiles);
    this.#listen();
  }

  /** Scans after file system events; without events the interval applies. */
  #listen(): void {
    try {
      this.#watcher = watch(this.#options.directory, () => {
        clearTimeout(this.#settle);
        this.#settle = setTimeout(() => void this.look(), this.#options.settleMs ?? 200);
      });
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      this.#watcher = undefined;
    }
  }

  look(): Promise<void> {
    this.#working = this.#working
      .then(() => (this.#stopped ? undefined : this.#look()))
      .catch((error: unknown) => this.#fault(String(error)));
    return this.#working;
  }

  async #look(): Promise<void> {
    let scanned: ScannedFile[];
    try {
      scanned = await this.#scan.scan();
    } catch (error) {
      this.#fault(`the directory cannot be read: ${(error as Error).message}`);
      return;
    }
    const errors = new Map(scanned.flatMap((s) => (s.error === undefined ? [] : [[s.file, s.error]])));
    const wanted = new Map<string, Wanted>();
    for (const { file, documents } of scanned) {
      for (const document of documents) {
        const other = wanted.get(document.id);
        if (other) errors.set(file, `tenant "${document.id}" is in ${other.file} already`);
        else wanted.set(document.id, { ...document, file });
      }
    }
    for (const one of wanted.values()) {
      const error = await this.#apply(one);
      if (error !== undefined) errors.set(one.file, error);
    }
    const empty = scanned.length === 0 && this.#applied.size > 0;
    if (!empty) await this.#removeWhatIsGone(wanted, errors);
    this.#status = {
      directory: this.#options.directory,
      scannedAt: new Date().toISOString(),
      error: undefined,
      files: scanned.map(({ file, documents }) => statusOf(file, documents, errors.get(file))),
    };
    this.#tell(errors);
    this.#fault(empty ? 'the directory has no tenant files; nothing is removed' : undefined);
  }

  /** @returns its fault, if any */
  async #apply({ id, definition, file }: Wanted): Promise<string | undefined> {
    const text = canonical(definition);
    const before = this.#applied.get(id);
    this.#missed.delete(id);
    if (before?.text === text && before.file === file) return undefined;
    try {
      const onChanged = this.#options.recorded?.('tenant.put', id, file);
      const options = { waitMs: 0, source: file, onChanged };
      const { changed, view } = await this.#options.registry.put(id, definition, options);
      this.#applied.set(id, { file, text });
      if (changed) this.#options.log('info', 'tenant changed by its file', { file, id, version: view.record.version });
      return undefined;
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      const faults = error.extra?.['errors'];
      return `tenant "${id}": ${error.message}${faults ? ` ${JSON.stringify(faults)}` : ''}`;
    }
  }

  async #removeWhatIsGone(wanted: Map<string, Wanted>, errors: Map<string, string>): Promise<void> {
    const followed = new Set(this.#ids());
    for (const [id, { file }] of this.#applied) {
      if (wanted.has(id)) continue;
      if (!followed.has(id)) this.#applied.delete(id);
      // the file cannot be read now, so its last content stays in use
      else if (errors.has(file || this.#sourceOf(id))) continue;
      else if (!this.#missed.has(id)) this.#missed.add(id);
      else await this.#remove(id, file);
    }
  }

  async #remove(id: string, file: string): Promise<void> {
    try {
      const onChanged = this.#options.recorded?.('tenant.delete', id, file);
      await this.#options.registry.delete(id, { source: file, onChanged });
      this.#options.log('info', 'tenant removed with its file', { file, id });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (error.code !== 'tenant_not_found') return; // tried again at the next look
    }
    this.#applied.delete(id);
    this.#missed.delete(id);
  }

  /** Ids of tenants that come from files. */
  #ids(): string[] {
    return this.#followed().map((view) => view.record.id);
  }

  #sourceOf(id: string): string {
    return this.#followed().find((view) => view.record.id === id)?.record.source ?? '';
  }

  #followed() {
    const views = [];
    for (let after: string | undefined; ; ) {
      const { tenants, next } = this.#options.registry.list({ after, limit: PAGE, source: 'file' });
      views.push(...tenants);
      if (next === null) return views;
      after = next;
    }
  }

  /** Logs each fault once, and again when its text changes. */
  #tell(errors: Map<string, string>): void {
    for (const [file, error] of errors) {
      if (this.#told.get(file) === error) continue;
      this.#options.log('error', 'a tenant file is invalid; its last valid content stays in use', { file, error });
    }
    for (const file of this.#told.keys()) {
      if (file !== '' && !errors.has(file)) this.#options.log('info', 'a tenant file is valid again', { file });
    }
    const general = this.#told.get('');
    this.#told.clear();
    for (const [file, error] of errors) this.#told.set(file, error);
    if (general !== undefined) this.#told.set('', general);
  }

  #fault(error: string | undefined): void {
    this.#status = { ...this.#status, error };
    if (error !== undefined && this.#told.get('') !== error) {
      this.#options.log('error', 'the watched directory cannot be followed', { error });
    }
    if (error === undefined) this.#told.delete('');
    else this.#told.set('', error);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#poll);
    clearTimeout(this.#settle);
    this.#watcher?.close();
    await this.#working;
  }
}

function statusOf(file: string, documents: TenantDocument[], error: string | undefined): WatchedFile {
  const tenants = documents.map(({ id }) => id);
  return error === undefined ? { file, tenants, state: 'applied' } : { file, tenants, state: 'error', error };
}
