import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { AuditConfig } from '../config/schema.ts';
import type { AuditRecord, AuditSink } from './record.ts';

export interface AuditTrailOptions extends Required<AuditConfig> {
  /** Bundle of the current model, which may change. */
  bundle(): string;
  onDropped(): void;
  onFault(error: unknown): void;
}

const RETRY_MS = 1000;

/**
 * The audit trail as NDJSON: a file that is rotated (`file.1` is the newest old one), or standard output. Requests never wait
 * for it. Records beyond the size of the queue are counted and dropped; records that cannot be written are kept and retried.
 */
export class AuditTrail implements AuditSink {
  readonly #options: AuditTrailOptions;
  #queue: string[] = [];
  #writing: Promise<void> | undefined;
  #file: FileHandle | undefined;
  #size = 0;
  #closed = false;

  constructor(options: AuditTrailOptions) {
    this.#options = options;
  }

  write(record: Omit<AuditRecord, 'bundle'>): void {
    if (this.#closed || this.#queue.length >= this.#options.queue) {
      this.#options.onDropped();
      return;
    }
    this.#queue.push(`${JSON.stringify({ ...record, bundle: this.#options.bundle() })}\n`);
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = undefined;
    });
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const lines = this.#queue.splice(0, 256);
      try {
        await this.#append(lines);
      } catch (error) {
        this.#options.onFault(error);
        this.#queue.unshift(...lines);
        await this.#file?.close().catch(() => {});
        this.#file = undefined;
        if (this.#closed) return;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
  }

  /** Writes lines and removes each from the list once it is written. */
  async #append(lines: string[]): Promise<void> {
    const { file, max_bytes: maxBytes } = this.#options;
    if (file === 'stdout') {
      if (!process.stdout.write(lines.join(''))) await new Promise((resolve) => process.stdout.once('drain', resolve));
      return;
    }
    while (lines.length > 0) {
      this.#file ??= await this.#open();
      if (this.#size > 0 && this.#size + Buffer.byteLength(lines[0] as string) > maxBytes) await this.#rotate();
      let bytes = 0;
      let count = 0;
      for (const line of lines) {
        const length = Buffer.byteLength(line);
        if (count > 0 && this.#size + bytes + length > maxBytes) break;
        bytes += length;
        count++;
      }
      await this.#write(this.#file, lines.slice(0, count).join(''));
      this.#size += bytes;
      lines.splice(0, count);
    }
  }

  /** A full disk takes a part: it is cut off again, because all lines are written once more later. */
  async #write(file: FileHandle, text: string): Promise<void> {
    try {
      await file.appendFile(text);
    } catch (error) {
      await file.truncate(this.#size).catch(() => {});
      throw error;
    }
  }

  async #open(): Promise<FileHandle> {
    const { file } = this.#options;
    await mkdir(dirname(file), { recursive: true });
    const handle = await open(file, 'a', 0o640);
    this.#size = (await handle.stat()).size;
    return handle;
  }

  async #rotate(): Promise<void> {
    const { file, keep } = this.#options;
    await this.#file?.close();
    this.#file = undefined;
    await rm(keep === 0 ? file : `${file}.${keep}`, { force: true });
    for (let i = keep - 1; i >= 0; i--) {
      const from = i === 0 ? file : `${file}.${i}`;
      await rename(from, `${file}.${i + 1}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    }
    this.#file = await this.#open();
  }

  /** Resolves when all queued records are written or have failed. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }
}
