import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { usableCores } from '../../src/engine/index.ts';

export const fixed = (value: number, digits = 1) => (Number.isFinite(value) ? value.toFixed(digits) : '-');
/** The middle value; the upper one of the two in the middle. */
export const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] as number;
export const megabytes = (bytes: number) => fixed(bytes / 2 ** 20, 0);

/** Rows of cells under headings, columns as wide as they must be. */
export function table(headings: string[], rows: (string | number)[][]): void {
  const cells = [headings, ...rows.map((row) => row.map(String))];
  const widths = headings.map((_, i) => Math.max(...cells.map((row) => (row[i] ?? '').length)));
  for (const row of cells) {
    console.log(
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
        .join('   ')
        .trimEnd(),
    );
  }
}

const version = (name: string): string =>
  (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version;

/** Conditions of a figure besides the code. */
export function environmentOf(): Record<string, unknown> {
  return {
    cores: usableCores(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    onnxruntime: version('onnxruntime-node'),
    date: new Date().toISOString(),
  };
}

/** For programs: everything that was measured, unrounded. */
export function writeJson(file: string, bench: string, results: unknown): void {
  writeFileSync(file, `${JSON.stringify({ bench, environment: environmentOf(), results }, null, 2)}\n`);
}
