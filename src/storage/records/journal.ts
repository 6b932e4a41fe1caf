import { type FileHandle, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory, writeDurably } from '../durable.ts';
import type { Keyed } from './record-store.ts';

const NEWLINE = 10;
/** Fewest outdated lines for which the file is rewritten. */
const MANY = 1000;

type Line = { put: Keyed } | { remove: string };

/**
 * Records of one tenant in a file of JSON lines, to which changes are appended. A change is on the disk before it is acknowledged. A
 * crash may leave a partial line at the end, which was never acknowledged and is ignored.
 */
export class Journal<T extends Keyed> {
  readonly #path: string;
  readonly #records = new Map<string, T>();
  #lines = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Reads the file; one that does not exist has no records. */
  static async open<T extends Keyed>(path: string): Promise<Journal<T>> {
    const journal = new Journal<T>(path);
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    for (const line of text.split('\n')) journal.#apply(parse(line));
    return journal;
  }

  get records(): ReadonlyMap<string, T> {
    return this.#records;
  }

  /** One change at a time: the caller holds a lock. */
  async put(records: readonly T[]): Promise<void> {
    await this.#append(records.map((put) => ({ put })));
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#append(keys.filter((key) => this.#records.has(key)).map((remove) => ({ remove })));
  }

  async #append(lines: Line[]): Promise<void> {
    if (lines.length === 0) return;
    const file = await open(this.#path, 'a+', 0o600);
    try {
      await append(file, lines);
    } finally {
      await file.close();
    }
    if (this.#lines === 0) await syncDirectory(dirname(this.#path));
    for (const line of lines) this.#apply(line);
    if (this.#lines > MANY + 2 * this.#records.size) await this.#compact();
  }

  /** A failure changes nothing: the long file has the same records. */
  async #compact(): Promise<void> {
    const text = [...this.#records.values()].map((put) => `${JSON.stringify({ put })}\n`).join('');
    try {
      await writeDurably(this.#path, text);
      this.#lines = this.#records.size;
    } catch {
      this.#lines = this.#records.size;
    }
  }

  #apply(line: Line | undefined): void {
    if (line === undefined) return;
    this.#lines++;
    if ('put' in line) this.#records.set(line.put.key, line.put as T);
    else this.#records.delete(line.remove);
  }
}

/** Appends to the end of the last whole line, and takes a partial one back where the disk is full. */
async function append(file: FileHandle, lines: Line[]): Promise<void> {
  const { size } = await file.stat();
  const last = size === 0 ? NEWLINE : (await file.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  try {
    await file.appendFile(last === NEWLINE ? text : `\n${text}`);
    await file.datasync();
  } catch (error) {
    await file.truncate(size).catch(() => {});
    throw error;
  }
}

/** Undefined for a partial line, which a crash may leave. */
function parse(line: string): Line | undefined {
  if (line === '') return undefined;
  try {
    const value = JSON.parse(line) as Partial<{ put: { key?: unknown }; remove: unknown }>;
    return typeof value.put?.key === 'string' || typeof value.remove === 'string' ? (value as Line) : undefined;
  } catch {
    return undefined;
  }
}
