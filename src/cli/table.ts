import { printable } from '../errors/printable.ts';
import { textWidth } from './text-width.ts';

/**
 * Formats aligned columns: text to the left, numbers to the right. Names of files and classes may have control
 * characters; every cell is made printable.
 */
export function table(header: string[], rows: string[][], right: Set<number>): string {
  const all = [header, ...rows.map((row) => row.map(printable))];
  // not Math.max(...widths): a call has a limited number of arguments
  const widths = header.map((_, c) => all.reduce((most, row) => Math.max(most, textWidth(row[c] ?? '')), 0));
  return all
    .map((r) =>
      r
        .map((cell, c) => {
          const padding = ' '.repeat((widths[c] as number) - textWidth(cell));
          return right.has(c) ? padding + cell : cell + padding;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
