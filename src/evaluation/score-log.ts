import { appendFileSync, closeSync, createWriteStream, openSync } from 'node:fs';
import { mkdir, rename, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { defined } from '../defined.ts';
import { EvaluationError } from './errors.ts';
import { KeyIndex } from './key-index.ts';
import { linesOf, type TextLine } from './lines.ts';
import { type ImageKey, isFinal, parseRow, type Row } from './rows.ts';

/** Everything besides the image that scores depend on. Rows with another identity cannot be reused. */
export interface LogIdentity {
  bundle: string;
  /** Precision of the bundle's graphs. */
  precision: string;
  /** sha256 over class folders, class names and templates of both encoders. */
  classes_sha256: string;
  /** Digest of the settings of negative labels and of the word list; absent without them. */
  negatives?: string;
}

/** Machine and versions of a run; one line for each run that computes something. */
export interface RunRecord {
  started: string;
  version: string;
  node: string;
  device: string;
}

interface Header extends LogIdentity {
  format: 1;
}

export interface OpenedLog {
  log: ScoreLog;
  /** Number of rows of earlier runs that may be reused. */
  stored: number;
  /** The reason why rows of an earlier run cannot be reused; they are kept in `scores.previous.jsonl`. */
  restarted?: string;
  /** Number of incomplete or damaged lines. Their images are judged again. */
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
/** Lines that are not rows by design. */
const isNote = (line: string) => line.startsWith(RUN) || line.startsWith('{"format":');

/** The reason why rows under `header` cannot be reused for `identity`; undefined if they can. */
function mismatch(header: Partial<Header> | undefined, identity: LogIdentity): string | undefined {
  if (header?.format !== 1) return 'it is not a score file in a known format';
  if (header.bundle !== identity.bundle) return `it was made with another bundle (${header.bundle})`;
  if (header.precision !== identity.precision) return `it was computed in another precision (${header.precision})`;
  if (header.classes_sha256 !== identity.classes_sha256) return 'classes or templates have changed';
  if (header.negatives !== identity.negatives) return 'the negative labels have changed';
  return undefined;
}

/**
 * `scores.jsonl`: a header, then one line per image in the order of completion. Each line is written as soon as it is known.
 * However the process ends, the next one continues from the stored lines.
 */
export class ScoreLog {
  readonly #path: string;
  readonly #index: KeyIndex;
  #fd: number;
  /** Size of the file at the start of this run. */
  readonly #before: number;
  /** Lines of earlier runs that are rows, or damaged rows. */
  readonly #lines: number;

  private constructor(path: string, index: KeyIndex, before: number, lines: number) {
    this.#path = path;
    this.#index = index;
    this.#before = before;
    this.#lines = lines;
    this.#fd = openSync(path, 'a');
  }

  /** @throws EvaluationError out_unusable */
  static async open(dir: string, identity: LogIdentity): Promise<OpenedLog> {
    try {
      await mkdir(dir, { recursive: true });
      return await ScoreLog.#open(dir, identity);
    } catch (cause) {
      throw new EvaluationError('out_unusable', `${dir} can't be used for output: ${(cause as Error).message}`, cause);
    }
  }

  static async #open(dir: string, identity: LogIdentity): Promise<OpenedLog> {
    const path = join(dir, NAME);
    const index = new KeyIndex();
    let first = true;
    let end = 0;
    let rows = 0;
    let damaged = 0;
    let incomplete = 0;
    let restarted: string | undefined;
    for await (const line of existing(path)) {
      if (first) {
        restarted = mismatch(line.whole ? parse(line.text) : undefined, identity);
        if (restarted !== undefined) break;
        first = false;
      } else if (!line.whole) {
        incomplete = 1;
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
    // an incomplete last line is removed, because the next line would be appended to it
    if (!first) await truncate(path, end);
    const log = new ScoreLog(path, index, end, rows + damaged);
    if (first) log.#write({ format: 1, ...identity } satisfies Header);
    return { log, stored: index.length, damaged: damaged + incomplete, ...defined({ restarted }) };
  }

  /** Whether an earlier run judged exactly this image. Its row then counts for this run too. */
  has(key: ImageKey): boolean {
    return this.#index.mark(key);
  }

  /** When it returns, the operating system has the row, so that a kill of this process does not lose it. */
  append(row: Row): void {
    this.#write(row);
  }

  /** Records machine and versions of the following rows. */
  began(run: RunRecord): void {
    this.#write({ run });
  }

  #write(value: object): void {
    appendFileSync(this.#fd, `${JSON.stringify(value)}\n`);
  }

  /**
   * Yields every row of earlier runs that `has` was asked for, each once. The other lines belong to images that were removed,
   * replaced, or judged again. The file is then rewritten without them, so that it has exactly the rows behind the figures.
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

  /** Reusable lines up to an offset; the rows of earlier runs among them are visited. */
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

async function* existing(path: string): AsyncGenerator<TextLine> {
  try {
    yield* linesOf(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
