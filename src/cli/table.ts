/** Formats aligned columns: text to the left, numbers to the right. Widths are counted in code points. */
export function table(header: string[], rows: string[][], right: Set<number>): string {
  const all = [header, ...rows];
  const widths = header.map((_, c) => Math.max(...all.map((r) => [...(r[c] ?? '')].length)));
  return all
    .map((r) =>
      r
        .map((cell, c) => {
          const padding = ' '.repeat((widths[c] as number) - [...cell].length);
          return right.has(c) ? padding + cell : cell + padding;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A progress line on a terminal; silent if standard error is not a terminal or the total is small. */
export interface ProgressBar {
  /** Counts one more. `known` for items of an earlier run, which do not count for rate and remaining time. */
  tick(known?: boolean): void;
  end(): void;
}

/** A duration with a readable unit. */
function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** `rate` per second and `left` in seconds are omitted while unknown. */
function barLine(done: number, total: number, unit: string, rate: number, left: number): string {
  const filled = total === 0 ? 0 : Math.round((done / total) * 24);
  const known = rate > 0 && Number.isFinite(left);
  const speed = known ? `, ${rate.toFixed(rate < 10 ? 1 : 0)}/s, ${duration(left)} left` : '';
  return `\r[${'#'.repeat(filled)}${'.'.repeat(24 - filled)}] ${done}/${total} ${unit}${speed}\u001b[K`;
}

/** A progress line whose counts come from the caller. */
export function bar(label: string, unit: string) {
  const stream = process.stderr;
  return {
    draw(done: number, total: number, rate = 0, left = 0): void {
      if (stream.isTTY) stream.write(`${barLine(done, total, unit, rate, left)} ${label}`);
    },
    end(): void {
      if (stream.isTTY) stream.write('\r\u001b[K');
    },
  };
}

export function progress(total: number, unit: string): ProgressBar {
  const stream = process.stderr;
  if (!stream.isTTY || total < 8) return { tick: () => {}, end: () => {} };
  const started = performance.now();
  let done = 0;
  let fresh = 0;
  let drawn = started;
  return {
    tick: (known = false) => {
      done++;
      if (!known) fresh++;
      const now = performance.now();
      if (now - drawn < 100 && done < total) return;
      drawn = now;
      const rate = fresh / ((now - started) / 1000);
      stream.write(barLine(done, total, unit, rate, (total - done) / rate));
    },
    end: () => stream.write('\r\u001b[K'),
  };
}
