import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { printable, printableJson } from '../../errors/printable.ts';
import { differences, type Results, tablesOf } from '../../evaluation/index.ts';
import { writeDurably } from '../../storage/durable.ts';
import { table } from '../table.ts';

/** Most failed images that are named on the terminal. */
const MOST_NAMED = 20;

const counted = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;

/** The benchmark, and how this measurement differs from the published one. */
function presetLines({ preset, id, ood }: Results): string[] {
  if (!preset) return [];
  return [`Preset ${preset.name}: ${preset.title}`, ...differences(preset, [id, ...ood], id.classes.length)];
}

/** Formats the figures as text: a head, the tables in the paper's form, the images that failed. */
export function describeResults(results: Results): string {
  const { bundle, id, ood, failed } = results;
  const accuracy = id.accuracy === null ? 'n/a' : `${(100 * id.accuracy).toFixed(2)} %`;
  const head = [
    `${bundle.name} ${bundle.version} (${bundle.id}, ${bundle.precision})`,
    `ID   ${printable(id.name)}: ${counted(id.images, 'image')} of ${id.classes.length} classes, accuracy ${accuracy}`,
    ...ood.map((o) => `OOD  ${printable(o.name)}: ${counted(o.images, 'image')}`),
  ];
  if (results.preset) head.push(...presetLines(results));
  const tables = tablesOf(results).map(({ title, note, header, rows, published }) => {
    const numbers = new Set(header.map((_, i) => i).slice(1));
    const all = published ? [...rows, ['published:'], ...published.rows] : rows;
    return [title, ...(note ? [note] : []), '', table(header, all, numbers), ...(published?.notes ?? [])].join('\n');
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
