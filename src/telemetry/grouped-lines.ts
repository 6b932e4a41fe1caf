/** Lines within this time after a write are written together. */
const GROUP_MS = 50;
/** Characters that are written without waiting any longer. */
const FULL = 64 * 1024;

interface Output {
  write(text: string): unknown;
}

/**
 * Groups the lines of a busy service: a line after a quiet time is written at once, and lines that follow it within 50 ms are written together, because
 * each write wakes the reader and costs as much processor time as answering the request. A line of level warn or above is never held back, and
 * `flush` writes all lines that are held, for the end of the process.
 */
export class GroupedLines {
  readonly #output: Output;
  #held = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  write(line: string): void {
    this.#held += line;
    if (this.#timer === undefined || this.#held.length >= FULL || !isCalm(line)) this.flush();
  }

  flush(): void {
    if (this.#held === '') return;
    const text = this.#held;
    this.#held = '';
    this.#output.write(text);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, GROUP_MS).unref();
  }
}

/** Whether a line of pino has a level below warn: the level comes first in it. */
const isCalm = (line: string) => /^\{"level":"(?:trace|debug|info)"/.test(line);
