import { printable } from '../errors/printable.ts';
import { fitText, textWidth } from './text-width.ts';

/** State of a piece of work. `rate` per second and `leftSeconds` are 0 while unknown. */
export interface Progress {
  done: number;
  total: number;
  unit: string;
  rate?: number;
  leftSeconds?: number;
  label?: string;
}

/** The part of standard error that progress is written to. */
export interface ProgressStream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

const MOST_BAR = 24;
const LEAST_BAR = 6;
/** Interval between two lines where there is no terminal, in milliseconds. */
const LINE_MS = 10_000;
const DRAW_MS = 100;

/** A duration with a readable unit. */
function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** The texts of a state, from the most to the least that is said. */
function textsOf({ done, total, unit, rate = 0, leftSeconds = 0, label = '' }: Progress): [string, ...string[]] {
  const known = rate > 0 && Number.isFinite(leftSeconds);
  const counts = `${done}/${total}`;
  const time = known ? `, ${duration(leftSeconds)} left` : '';
  const speed = known ? `, ${rate.toFixed(rate < 10 ? 1 : 0)}/s` : '';
  const percent = `${total === 0 ? 100 : Math.floor((100 * done) / total)} %`;
  const name = label === '' ? '' : ` ${printable(label)}`;
  return [
    `${counts} ${unit}${speed}${time}${name}`,
    `${counts} ${unit}${time}${name}`,
    `${counts}${time}${name}`,
    `${counts} ${unit}${time}`,
    `${counts}${time}`,
    counts,
    percent,
  ];
}

/** A line for a terminal that is so many columns wide. It never reaches the last column, where some terminals begin a new line. */
export function progressLine(progress: Progress, columns: number): string {
  const room = Math.max(1, columns - 1);
  const texts = textsOf(progress);
  const besides = LEAST_BAR + '[] '.length;
  const text = texts.find((t) => textWidth(t) + besides <= room);
  if (text === undefined) return fitText(texts.find((t) => textWidth(t) <= room) ?? (texts.at(-1) as string), room);
  const length = Math.min(MOST_BAR, room - textWidth(text) - '[] '.length);
  const filled = progress.total === 0 ? length : Math.floor((progress.done / progress.total) * length);
  return `[${'#'.repeat(filled)}${'.'.repeat(length - filled)}] ${text}`;
}

/** Columns of the terminal; COLUMNS where it does not say, as a serial line. */
function columnsOf(stream: ProgressStream): number {
  const told = stream.columns || Number(process.env['COLUMNS']);
  return told > 0 ? told : 80;
}

const isScreen = (stream: ProgressStream) => stream.isTTY === true && process.env['TERM'] !== 'dumb';

/**
 * Shows progress whose counts come from the caller: one line that is drawn again on a terminal, and elsewhere a plain line every
 * ten seconds, so that a log of a long run shows that it continues.
 */
export function bar(
  label: string,
  unit: string,
  stream: ProgressStream = process.stderr,
  now = () => performance.now(),
) {
  const screen = isScreen(stream);
  let last = now();
  return {
    draw(done: number, total: number, rate = 0, leftSeconds = 0): void {
      const progress = { done, total, unit, rate, leftSeconds, label };
      if (screen) stream.write(`\r${progressLine(progress, columnsOf(stream))}\u001b[K`);
      else if (now() - last >= LINE_MS) {
        last = now();
        stream.write(`${textsOf(progress)[0]}\n`);
      }
    },
    end(): void {
      if (screen) stream.write('\r\u001b[K');
    },
  };
}

/** A progress bar that counts. */
export interface ProgressBar {
  /** Counts one more. `known` for items of an earlier run, which do not count for rate and remaining time. */
  tick(known?: boolean): void;
  end(): void;
}

/** Counts up to `total`; see `bar`. A small total is not worth a line. */
export function progress(
  total: number,
  unit: string,
  stream: ProgressStream = process.stderr,
  now = () => performance.now(),
): ProgressBar {
  if (total < 8) return { tick: () => {}, end: () => {} };
  const line = bar('', unit, stream, now);
  const started = now();
  let done = 0;
  let fresh = 0;
  let drawn = started;
  return {
    tick: (known = false) => {
      done++;
      if (!known) fresh++;
      if (now() - drawn < DRAW_MS && done < total) return;
      drawn = now();
      const rate = fresh / ((drawn - started) / 1000);
      line.draw(done, total, rate, (total - done) / rate);
    },
    end: line.end,
  };
}
