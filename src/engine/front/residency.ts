import { ServiceError } from '../../errors/index.ts';
import type { ProcessLink } from '../ipc/process-link.ts';
import type { EngineOperations } from '../ipc/protocol.ts';
import type { Head, HeadNegatives, HeadProvider } from '../shared/types.ts';
import { type WordHost, WordResidency } from './word-residency.ts';

export interface ResidencyOptions {
  /** Limit of all heads and words in the engine process, bytes; heads in use, and their words, stay even above it. */
  limitBytes: number;
  provider: HeadProvider;
  put(head: EngineOperations['putHead']['request']): Promise<unknown>;
  drop(id: string): Promise<unknown>;
  words: WordHost;
}

interface Resident {
  /** Number of requests that need it now; it stays while there are any. */
  users: number;
  bytes: number;
  /** The words of its negative labels. */
  words?: string;
  /** Its tenant was removed or has a newer head: this one is removed after its last request. */
  retired: boolean;
  here: Promise<void>;
}

/**
 * The front's record of the heads in one engine process. A head is sent when the first request needs it; above the limit, the least
 * recently used head is removed. A new process starts without heads.
 */
export class HeadResidency {
  readonly #options: ResidencyOptions;
  /** Least recently used first. */
  readonly #residents = new Map<string, Resident>();
  readonly #words: WordResidency;
  #bytes = 0;

  constructor(options: ResidencyOptions) {
    this.#options = options;
    this.#words = new WordResidency(options.words);
  }

  /** Bytes of word features in the engine, which all heads share. */
  get wordBytes(): number {
    return this.#words.bytes;
  }

  /** Bytes of heads in the engine, without words. */
  get bytes(): number {
    return this.#bytes;
  }

  get held(): { heads: number; words: number } {
    return { heads: this.#bytes, words: this.#words.bytes };
  }

  get size(): number {
    return this.#residents.size;
  }

  /** Runs the task while the head is in the engine process. Rejects with the task's error, or with the error of sending the head. */
  async use<T>(id: string, task: () => Promise<T>): Promise<T> {
    const resident = this.#residents.get(id) ?? this.#bring(id, () => this.#options.provider.loadHead(id));
    this.#residents.delete(id);
    this.#residents.set(id, resident);
    return this.#pinned(id, resident, task);
  }

  /** Sends a head before a request needs it, so that the first request does not wait for it. */
  async put(id: string, head: Head): Promise<void> {
    const old = this.#residents.get(id);
    if (old) this.#forget(id, old);
    await this.#pinned(
      id,
      this.#bring(id, async () => head),
      async () => {},
    );
  }

  /** New requests do not need the head any more. */
  retire(id: string): void {
    const resident = this.#residents.get(id);
    if (!resident) return;
    resident.retired = true;
    if (resident.users === 0) this.#remove(id, resident);
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
      if (resident.retired && resident.users === 0) this.#remove(id, resident);
      this.#fit();
    }
  }

  async #handOver(id: string, resident: Resident, load: () => Promise<Head | undefined>): Promise<void> {
    const head = await load();
    if (!head) {
      throw new ServiceError('tenant_not_ready', "The tenant's features are being replaced; try again.", {
        retryAfterSeconds: 1,
      });
    }
    const rows = new Float32Array(head.yes.length + head.no.length);
    rows.set(head.yes);
    rows.set(head.no, head.yes.length);
    const { negatives } = head;
    resident.bytes = rows.byteLength + indexBytes(negatives);
    this.#bytes += resident.bytes;
    if (negatives) {
      resident.words = negatives.words.id;
      await this.#words.bring(negatives.words);
    }
    this.#fit();
    await this.#options.put({
      id,
      rows,
      negatives: negatives ? { words: negatives.words.id, labels: negatives.labels, others: negatives.others } : null,
    });
  }

  /** Removes a head permanently. Words that no other head needs go with it; those of evicted heads stay for their return. */
  #remove(id: string, resident: Resident): void {
    this.#evict(id, resident);
    if (resident.words === undefined) return;
    const used = [...this.#residents.values()].map(({ words }) => words);
    this.#words.keep(new Set(used.filter((words) => words !== undefined)));
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
      if (this.#bytes + this.#words.bytes <= this.#options.limitBytes) return;
      if (resident.users === 0 && resident.bytes > 0) this.#evict(id, resident);
    }
  }
}

function indexBytes(negatives: HeadNegatives | undefined): number {
  if (!negatives) return 0;
  const { labels, others } = negatives;
  return labels.neglabel.byteLength + (labels.csp?.byteLength ?? 0) + others.except.byteLength;
}

/** The heads in the process of this link: none yet. */
export function headsIn(
  link: ProcessLink<EngineOperations>,
  options: Pick<ResidencyOptions, 'limitBytes' | 'provider'>,
): HeadResidency {
  return new HeadResidency({
    ...options,
    put: (head) => link.call('putHead', head),
    drop: (id) => link.call('dropHead', { id }),
    words: { put: (words) => link.call('putWords', words), drop: (id) => link.call('dropWords', { id }) },
  });
}
