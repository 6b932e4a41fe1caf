import type { WordSource } from '../shared/types.ts';

/** Rows of one message: 4 MiB at a width of 512. */
const PIECE = 2048;

export interface WordHost {
  /** Sends rows from `from` on; resolves with the bytes of all of them in the engine. */
  put(request: { id: string; count: number; from: number; rows: Float32Array }): Promise<{ bytes: number }>;
  drop(id: string): Promise<unknown>;
}

/** The front's record of the word features in one engine process. All heads with negative labels of the same words share them. */
export class WordResidency {
  readonly #host: WordHost;
  readonly #residents = new Map<string, { bytes: number; here: Promise<void> }>();

  constructor(host: WordHost) {
    this.#host = host;
  }

  /** Bytes of word features in the engine. */
  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.#residents.values()) sum += bytes;
    return sum;
  }

  /** Resolves when the engine has the words. Rejects with the error of reading or sending them; the next call tries again. */
  bring(source: WordSource): Promise<void> {
    const known = this.#residents.get(source.id);
    if (known) return known.here;
    const resident = { bytes: 0, here: Promise.resolve() };
    this.#residents.set(source.id, resident);
    resident.here = this.#send(source, resident);
    resident.here.catch(() => {
      if (this.#residents.get(source.id) === resident) this.#residents.delete(source.id);
    });
    return resident.here;
  }

  async #send(source: WordSource, resident: { bytes: number }): Promise<void> {
    const { id, count } = source;
    for (let from = 0; from < count; from += PIECE) {
      const piece = await source.rows(from, Math.min(count, from + PIECE));
      resident.bytes = (await this.#host.put({ id, count, from, rows: piece })).bytes;
    }
  }

  /** Removes words that no head of `used` needs. */
  keep(used: ReadonlySet<string>): void {
    for (const id of this.#residents.keys()) {
      if (used.has(id)) continue;
      this.#residents.delete(id);
      this.#host.drop(id).catch(() => {});
    }
  }
}
