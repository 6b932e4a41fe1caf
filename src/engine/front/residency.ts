import { ServiceError } from '../../errors/index.ts';
import type { Head, HeadProvider } from '../shared/types.ts';

export interface ResidencyOptions {
  /** Most bytes of heads in the engine; those in use at the moment stay whatever they need. */
  limitBytes: number;
  provider: HeadProvider;
  put(id: string, rows: Float32Array): Promise<unknown>;
  drop(id: string): Promise<unknown>;
}

interface Resident {
  /** Requests that need it now: while there are any it stays. */
  users: number;
  bytes: number;
  /** Its tenant has another or is gone: it leaves with its last user. */
  retired: boolean;
  here: Promise<void>;
}

/**
 * Which heads one engine process holds, kept on this side of the channel: a head is handed over when the first request
 * needs it, and the one that was not needed for longest leaves when there are too many. A new process starts with none and
 * gets those that are asked for.
 */
export class HeadResidency {
  readonly #options: ResidencyOptions;
  /** Least recently used first. */
  readonly #residents = new Map<string, Resident>();
  #bytes = 0;

  constructor(options: ResidencyOptions) {
    this.#options = options;
  }

  /** Bytes of heads in the engine. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#residents.size;
  }

  /** Runs the task while the head is in the engine. Rejects with what kept the head from getting there. */
  async use<T>(id: string, task: () => Promise<T>): Promise<T> {
    const resident = this.#residents.get(id) ?? this.#bring(id, () => this.#options.provider.loadHead(id));
    this.#residents.delete(id);
    this.#residents.set(id, resident);
    return this.#pinned(id, resident, task);
  }

  /** Hands over a head that is at hand, so that its first request does not wait for it. */
  async put(id: string, head: Head): Promise<void> {
    const old = this.#residents.get(id);
    if (old) this.#forget(id, old);
    await this.#pinned(
      id,
      this.#bring(id, async () => head),
      async () => {},
    );
  }

  /** It is of no use to new requests. */
  retire(id: string): void {
    const resident = this.#residents.get(id);
    if (!resident) return;
    resident.retired = true;
    if (resident.users === 0) this.#evict(id, resident);
  }

  #bring(id: string, load: () => Promise<Head | undefined>): Resident {
    const resident: Resident = { users: 0, bytes: 0, retired: false, here: Promise.resolve() };
    resident.here = this.#handOver(id, resident, load);
    resident.here.catch(() => this.#forget(id, resident));
    this.#residents.set(id, resident);
    return resident;
  }

  async #pinned<T>(id: string, resident: Resident, task: () => Promise<T>): Promise<T> {
    resident.users++;
    try {
      await resident.here;
      return await task();
    } finally {
      resident.users--;
      if (resident.retired && resident.users === 0) this.#evict(id, resident);
      this.#fit();
    }
  }

  async #handOver(id: string, resident: Resident, load: () => Promise<Head | undefined>): Promise<void> {
    const head = await load();
    if (!head) {
      throw new ServiceError('tenant_not_ready', "The tenant's features are being replaced; try again.", {
        retryAfter: 1,
      });
    }
    const rows = new Float32Array(head.yes.length + head.no.length);
    rows.set(head.yes);
    rows.set(head.no, head.yes.length);
    resident.bytes = rows.byteLength;
    this.#bytes += rows.byteLength;
    this.#fit();
    await this.#options.put(id, rows);
  }

  #evict(id: string, resident: Resident): void {
    if (this.#residents.get(id) === resident) this.#options.drop(id).catch(() => {});
    this.#forget(id, resident);
  }

  #forget(id: string, resident: Resident): void {
    if (this.#residents.get(id) === resident) this.#residents.delete(id);
    this.#bytes -= resident.bytes;
    resident.bytes = 0;
  }

  #fit(): void {
    for (const [id, resident] of this.#residents) {
      if (this.#bytes <= this.#options.limitBytes) return;
      if (resident.users === 0 && resident.bytes > 0) this.#evict(id, resident);
    }
  }
}
