import { appendFileSync, closeSync, createWriteStream, openSync } from 'node:fs';
import { mkdir, rename, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { EvaluationError } from './errors.ts';
import { KeyIndex } from './key-index.ts';
import { type Line, linesOf } from './lines.ts';
import { type ImageKey, isFinal, parseRow, type Row } from './rows.ts';

/** What scores depend on beside the image itself: rows made with anything else are of no use. */
export interface LogIdentity {
  bundle: string;
  /** Of the bundle's graphs. */
  precision: string;
  /** sha256 over class folders, class names and templates of both encoders. */
  classes_sha256: string;
}

/** Where and with what a run computed; one line each time something is computed. */
export interface RunRecord {
  started: string;
  version: string;
  node: string;
  device: string;
}

interface Header extends LogIdentity {
  format: 1;
}

export interface Opened {
  log: ScoreLog;
  /** Rows of an earlier run that may be of use. */
  stored: number;
  /** Why an earlier run's rows are of no use, in words; they are kept in `scores.previous.jsonl`. */
  restarted?: string;
  /** Lines that were no rows: cut off by a kill, or damaged. Their images are judged again. */
  damaged: number;
}

const NAME = 'scores.jsonl';
const PREVIOUS = 'scores.previous.jsonl';

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

const RUN = '{"run":';
/** Lines that are no rows and mean to be none. */
const isNote = (line: string) => line.startsWith(RUN) || line.startsWith('{"format":');

/** Why rows under `header` can't be used for `identity`; undefined when they can. */
function mismatch(header: Partial<Header> | undefined, identity: LogIdentity): string | undefined {
  if (header?.format !== 1) return 'it is not a list of scores in a known format';
  if (header.bundle !== identity.bundle) return `it was made with another bundle (${header.bundle})`;
  if (header.precision !== identity.precision) return `it was computed in another precision (${header.precision})`;
  if (header.classes_sha256 !== identity.classes_sha256) return 'classes or templates have changed';
  return undefined;
}

/**
 * `scores.jsonl`: a header, then one line per image in the order of completion, each written whole as soon as it is known. Whatever
 * ends the process, the next one goes on from what is there.
 */
export class ScoreLog {
  readonly #path: string;
  readonly #index: KeyIndex;
  #fd: number;
  /** Bytes that were there when this run began. */
  readonly #before: number;
  /** Lines of earlier runs that are rows, or were meant to be. */
  readonly #lines: number;

  private constructor(path: string, index: KeyIndex, before: number, lines: number) {
    this.#path = path;
    this.#index = index;
    this.#before = before;
    this.#lines = lines;
    this.#fd = openSync(path, 'a');
  }

  /** @throws EvaluationError out_unusable */
  static async open(dir: string, identity: LogIdentity): Promise<Opened> {
    try {
      await mkdir(dir, { recursive: true });
      return await ScoreLog.#open(dir, identity);
    } catch (cause) {
      throw new EvaluationError('out_unusable', `${dir} can't be used for output: ${(cause as Error).message}`, cause);
    }
  }

  static async #open(dir: string, identity: LogIdentity): Promise<Opened> {
    const path = join(dir, NAME);
    const index = new KeyIndex();
    let first = true;
    let end = 0;
    let rows = 0;
    let damaged = 0;
    let torn = 0;
    let restarted: string | undefined;
    for await (const line of existing(path)) {
      if (first) {
        restarted = mismatch(line.whole ? parse(line.text) : undefined, identity);
        if (restarted !== undefined) break;
        first = false;
      } else if (!line.whole) {
        torn = 1;
        break;
      } else {
        const row = parseRow(line.text);
        if (row) {
          rows++;
          if (isFinal(row)) index.add(row);
        } else if (!isNote(line.text)) damaged++;
      }
      end = line.end;
    }
    if (restarted !== undefined) {
      await rename(path, join(dir, PREVIOUS));
      first = true;
      end = 0;
    }
    // what a kill left half-written is cut off, or the next line would grow onto it
    if (!first) await truncate(path, end);
    const log = new ScoreLog(path, index, end, rows + damaged);
    if (first) log.#write({ format: 1, ...identity } satisfies Header);
    return { log, stored: index.length, damaged: damaged + torn, ...(restarted === undefined ? {} : { restarted }) };
  }

  /** Whether an earlier run has judged this very image; then its row counts for this run too. */
  has(key: ImageKey): boolean {
    return this.#index.mark(key);
  }

  /** On return the row is with the operating system: a kill of this process can't take it back. */
  append(row: Row): void {
    this.#write(row);
  }

  /** Notes who computes from here on. */
  began(run: RunRecord): void {
    this.#write({ run });
  }

  #write(value: object): void {
    appendFileSync(this.#fd, `${JSON.stringify(value)}\n`);
  }

  /**
   * Gives every row of earlier runs that `has` was asked for, each once. Lines beyond those belong to images that are gone,
   * replaced, or judged anew: then the file is rewritten without them, so that it holds exactly what the figures are made of.
   */
  async replay(visit: (row: Row) => void): Promise<void> {
    if (this.#before === 0) return;
    if (this.#lines === this.#index.marked) {
      for await (const _ of this.#kept(this.#before, visit));
      return;
    }
    const temporary = `${this.#path}.tmp`;
    await pipeline(this.#kept(Number.POSITIVE_INFINITY, visit), createWriteStream(temporary));
    closeSync(this.#fd);
    await rename(temporary, this.#path);
    this.#fd = openSync(this.#path, 'a');
  }

  /** Lines up to an offset without those of no use; the rows of earlier runs among them are visited. */
  async *#kept(upTo: number, visit: (row: Row) => void): AsyncGenerator<string> {
    for await (const { text, end } of linesOf(this.#path, upTo)) {
      if (end <= this.#before && !isNote(text)) {
        const row = parseRow(text);
        if (!row || !isFinal(row) || !this.#index.take(row)) continue;
        visit(row);
      }
      yield `${text}\n`;
    }
  }

  /** The computations so far, oldest first. */
  async runs(): Promise<RunRecord[]> {
    const found: RunRecord[] = [];
    for await (const { text } of linesOf(this.#path)) {
      if (text.startsWith(RUN)) found.push((parse(text) as { run: RunRecord }).run);
    }
    return found;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

async function* existing(path: string): AsyncGenerator<Line> {
  try {
    yield* linesOf(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
