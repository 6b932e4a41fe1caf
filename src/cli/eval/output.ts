import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { printable, printableJson } from '../../errors/printable.ts';
import { type Results, tablesOf } from '../../evaluation/index.ts';
import { writeDurably } from '../../storage/durable.ts';
import { table } from '../table.ts';

/** Most failed images that are named on the terminal. */
const MOST_NAMED = 20;

const counted = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;

/** Formats the figures as text: a head, the tables in the paper's form, the images that failed. */
export function describeResults(results: Results): string {
  const { bundle, id, ood, failed } = results;
  const accuracy = id.accuracy === null ? 'n/a' : `${(100 * id.accuracy).toFixed(2)} %`;
  const head = [
    `${bundle.name} ${bundle.version} (${bundle.id}, ${bundle.precision})`,
    `ID   ${printable(id.name)}: ${counted(id.images, 'image')} of ${id.classes.length} classes, accuracy ${accuracy}`,
    ...ood.map((o) => `OOD  ${printable(o.name)}: ${counted(o.images, 'image')}`),
  ];
  const tables = tablesOf(results).map(({ title, note, header, rows }) => {
    const numbers = new Set(header.map((_, i) => i).slice(1));
    return [title, ...(note ? [note] : []), '', table(header, rows, numbers)].join('\n');
  });
  const parts = [head.join('\n'), ...tables];
  if (failed.count > 0) {
    const named = failed.listed
      .slice(0, MOST_NAMED)
      .map((f) => `  ${printable(`${f.set}/${f.path}: ${f.detail}`)} (${f.code})`);
    const more = failed.count - named.length;
    parts.push(
      [
        `${counted(failed.count, 'image')} could not be judged and ${failed.count === 1 ? 'is' : 'are'} in no figure:`,
        ...named,
        ...(more > 0 ? [`  and ${more} more`] : []),
      ].join('\n'),
    );
  }
  return parts.join('\n\n');
}

/** Writes `results.json` and `report.html` atomically. The figures are first, so that a failing report does not lose them. */
export async function writeResults(dir: string, results: Results, report: () => Promise<string>): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeDurably(join(dir, 'results.json'), `${printableJson(results, 2)}\n`);
  await writeDurably(join(dir, 'report.html'), await report());
}
