import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory } from '../storage/durable.ts';
import { HASH, isIntact } from './feature-rows.ts';

/** Bytes of one read. */
const READ = 1 << 20;

/**
 * An append-only file of records of one size: key (16 bytes) and row. A crash can damage the end only, which the next `open`
 * truncates. A record with a wrong checksum counts as absent. The index is in memory, least recently used first.
 */
export class RowLog {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #record: number;
  readonly #index = new Map<string, number>();
  #end = 0;
  #users = 0;
  #closing = false;

  private constructor(path: string, file: FileHandle, record: number) {
    this.#path = path;
    this.#file = file;
    this.#record = record;
  }

  /** @param rowBytes bytes of one row, checksum included */
  static async open(path: string, rowBytes: number): Promise<RowLog> {
    const log = new RowLog(path, await open(path, 'a+'), HASH + rowBytes);
    await log.#scan();
    return log;
  }

  async #scan(): Promise<void> {
    const { size } = await this.#file.stat();
    this.#end = size - (size % this.#record);
    if (this.#end !== size) await this.#file.truncate(this.#end);
    const chunk = Buffer.alloc(Math.max(1, Math.floor(READ / this.#record)) * this.#record);
    for (let at = 0; at < this.#end; at += chunk.length) {
      const { bytesRead } = await this.#file.read(chunk, 0, Math.min(chunk.length, this.#end - at), at);
      for (let i = 0; i + this.#record <= bytesRead; i += this.#record) {
        if (isIntact(chunk.subarray(i + HASH, i + this.#record))) {
          this.#index.set(chunk.toString('latin1', i, i + HASH), at + i);
        }
      }
    }
  }

  get bytes(): number {
    return this.#end;
  }

  get size(): number {
    return this.#index.size;
  }

  has(key: string): boolean {
    return this.#index.has(key);
  }

  /** Rows as written; undefined where there is none or it is damaged. Adjacent records are read together. */
  async read(keys: string[]): Promise<(Buffer | undefined)[]> {
    const rows: (Buffer | undefined)[] = new Array(keys.length).fill(undefined);
    const wanted = keys.flatMap((key, i) => {
      const at = this.#index.get(key);
      return at === undefined ? [] : [{ key, i, at }];
    });
    wanted.sort((a, b) => a.at - b.at);
    this.#users++;
    try {
      for (let first = 0; first < wanted.length; ) {
        const start = (wanted[first] as { at: number }).at;
        let last = first;
        while (last + 1 < wanted.length && this.#near(start, wanted, last)) last++;
        const length = (wanted[last] as { at: number }).at + this.#record - start;
        const { bytesRead, buffer } = await this.#file.read(Buffer.alloc(length), 0, length, start);
        for (; first <= last; first++) {
          const { key, i, at } = wanted[first] as (typeof wanted)[number];
          const row = bytesRead === length ? this.#take(buffer, at - start, key) : undefined;
          if (row) rows[i] = row;
          else if (this.#index.get(key) === at) this.#index.delete(key);
        }
      }
    } finally {
      this.#users--;
      if (this.#closing && this.#users === 0) await this.#file.close();
    }
    return rows;
  }

  #near(start: number, wanted: { at: number }[], last: number): boolean {
    const [here, next] = [(wanted[last] as { at: number }).at, (wanted[last + 1] as { at: number }).at];
    return next - here <= 4 * this.#record && next - start < READ;
  }

  /** Checks key and checksum of every read, because a flipped bit or another class's row would give a wrong verdict. */
  #take(buffer: Buffer, at: number, key: string): Buffer | undefined {
    const row = buffer.subarray(at + HASH, at + this.#record);
    if (buffer.toString('latin1', at, at + HASH) !== key || !isIntact(row)) return undefined;
    const place = this.#index.get(key) as number;
    this.#index.delete(key);
    this.#index.set(key, place);
    return row;
  }

  /** When it resolves and `sync` is set, the rows survive a crash. One call at a time. */
  async append(rows: Map<string, Buffer>, { sync } = { sync: true }): Promise<void> {
    const bytes = Buffer.alloc(rows.size * this.#record);
    let at = 0;
    for (const [key, row] of rows) {
      bytes.write(key, at, HASH, 'latin1');
      row.copy(bytes, at + HASH);
      at += this.#record;
    }
    try {
      await this.#file.appendFile(bytes);
      if (sync) await this.#file.datasync();
    } catch (error) {
      // a partial record would shift all records after it
      await this.#file.truncate(this.#end);
      throw error;
    }
    for (const key of rows.keys()) {
      this.#index.set(key, this.#end);
      this.#end += this.#record;
    }
  }

  /** A new log with the most recently used records up to `maxBytes`, which replaces this one. This one is closed. */
  async compacted(maxBytes: number): Promise<RowLog> {
    const keep = Math.floor(maxBytes / this.#record);
    const keys = [...this.#index.keys()].slice(-keep);
    const temporary = `${this.#path}.${randomBytes(6).toString('hex')}.tmp`;
    const next = new RowLog(this.#path, await open(temporary, 'ax+'), this.#record);
    try {
      const step = Math.max(1, Math.floor(READ / this.#record));
      for (let at = 0; at < keys.length; at += step) {
        const part = keys.slice(at, at + step);
        const rows = await this.read(part);
        const whole = part.flatMap((key, i): [string, Buffer][] => (rows[i] ? [[key, rows[i]]] : []));
        await next.append(new Map(whole), { sync: false });
      }
      await next.#file.sync();
      await rename(temporary, this.#path);
      await syncDirectory(dirname(this.#path));
    } catch (error) {
      await next.close();
      await rm(temporary, { force: true });
      throw error;
    }
    await this.close();
    return next;
  }

  /** Waits for reads in progress. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#users === 0) await this.#file.close();
  }
}
