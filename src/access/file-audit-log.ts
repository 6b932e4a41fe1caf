import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '../errors/index.ts';
import { syncDirectory } from '../storage/durable.ts';
import type { AuditEntry, AuditLog, AuditPage, AuditQuery } from './audit.ts';

const FILE = /^\d{8}T\d{9}Z\.ndjson$/;
const ROTATE_BYTES = 16 * 2 ** 20;
const NEWLINE = 10;

/**
 * Lines of JSON in `<dataDir>/audit`. When a file is full, a new one begins, named by its time. Files are never renamed or
 * removed here: archiving is the operator's task. The file is opened for every entry, because changes are rare and the command
 * line may append at the same time.
 */
export class FileAuditLog implements AuditLog {
  readonly #dir: string;
  readonly #rotateBytes: number;
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(dir: string, rotateBytes: number) {
    this.#dir = dir;
    this.#rotateBytes = rotateBytes;
  }

  static async open(dataDir: string, { rotateBytes = ROTATE_BYTES } = {}): Promise<FileAuditLog> {
    const dir = join(dataDir, 'audit');
    await mkdir(dir, { recursive: true, mode: 0o700 });
    return new FileAuditLog(dir, rotateBytes);
  }

  append(entry: AuditEntry): Promise<void> {
    const result = this.#tail.then(() => this.#append(`${JSON.stringify(entry)}\n`));
    this.#tail = result.catch(() => {});
    return result;
  }

  async #append(line: string): Promise<void> {
    const newest = (await this.#files()).at(-1);
    if (newest !== undefined && (await this.#appendTo(newest, line))) return;
    const name = `${new Date().toISOString().replace(/[-:.]/g, '')}.ndjson`;
    await this.#appendTo(name, line, Number.POSITIVE_INFINITY);
    await syncDirectory(this.#dir);
  }

  /** False where the file is full. */
  async #appendTo(name: string, line: string, full = this.#rotateBytes): Promise<boolean> {
    const file = await open(join(this.#dir, name), 'a+', 0o600);
    try {
      const { size } = await file.stat();
      if (size >= full) return false;
      // a crash may have left a partial line; the new entry must not be appended to it
      const last = size === 0 ? NEWLINE : (await file.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0];
      await file.appendFile(last === NEWLINE ? line : `\n${line}`);
      await file.datasync();
      return true;
    } finally {
      await file.close();
    }
  }

  async read({ limit, before, target }: AuditQuery): Promise<AuditPage> {
    const [, cursorFile, cursorEnd] = before === undefined ? [] : (/^(\d{8}T\d{9}Z)-(\d{1,15})$/.exec(before) ?? []);
    if (before !== undefined && cursorFile === undefined) {
      throw new ServiceError('invalid_request', '`before` must be the unchanged `next` of the previous page.');
    }
    const names = (await this.#files()).filter((n) => cursorFile === undefined || n <= `${cursorFile}.ndjson`);
    const entries: AuditEntry[] = [];
    for (const name of names.reverse()) {
      const bytes = await readFile(join(this.#dir, name));
      const stem = name.slice(0, -'.ndjson'.length);
      let end = stem === cursorFile ? Math.min(Number(cursorEnd), bytes.length) : bytes.length;
      while (end > 0) {
        // reads one entry more than the page holds, to know whether there is a next page
        const start = end < 2 ? 0 : bytes.lastIndexOf(NEWLINE, end - 2) + 1;
        const entry = parse(bytes.toString('utf8', start, end));
        if (entry && (target === undefined || entry.target === target)) {
          if (entries.length === limit) return { entries, next: `${stem}-${end}` };
          entries.push(entry);
        }
        end = start;
      }
    }
    return { entries, next: null };
  }

  async #files(): Promise<string[]> {
    return (await readdir(this.#dir)).filter((n) => FILE.test(n)).sort();
  }
}

/** Undefined for a partial line, which a crash may leave. */
function parse(line: string): AuditEntry | undefined {
  try {
    return JSON.parse(line) as AuditEntry;
  } catch {
    return undefined;
  }
}
