/** Columns aligned for people: text to the left, numbers to the right. Cells are measured in code points. */
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

/** A line on a terminal that counts; silent where standard error is not a terminal or there is little to count. */
export function progress(total: number, unit: string): { tick(): void; end(): void } {
  const stream = process.stderr;
  if (!stream.isTTY || total < 8) return { tick: () => {}, end: () => {} };
  const started = performance.now();
  let done = 0;
  let drawn = 0;
  return {
    tick: () => {
      done++;
      const now = performance.now();
      if (now - drawn < 100 && done < total) return;
      drawn = now;
      const rate = done / ((now - started) / 1000);
      const filled = Math.round((done / total) * 24);
      stream.write(
        `\r[${'#'.repeat(filled)}${'.'.repeat(24 - filled)}] ${done}/${total} ${unit}, ${rate.toFixed(0)}/s `,
      );
    },
    end: () => stream.write('\r\u001b[K'),
  };
}
