import type { ScoreFigures } from './metrics.ts';
import { inOrder, labelOf } from './names.ts';
import { MISSING, percent } from './percent.ts';
import { type PublishedRows, publishedOther, publishedPairs } from './presets/index.ts';
import type { Comparison, Results } from './results.ts';
import { RULES, SCORES } from './rows.ts';

/** A table for the terminal and the report. The first column is text, the others are numbers. */
export interface Table {
  title: string;
  header: string[];
  rows: string[][];
  /** Explains the cells, if the title is not enough. */
  note?: string;
  /** The two figures of a cell with a slash: the name of each, and which end is better. */
  parts?: readonly [PairedFigure, PairedFigure];
  /** Rows of published figures below the measured ones, with the sources. */
  published?: PublishedRows;
}

export interface PairedFigure {
  name: string;
  best: 'highest' | 'lowest';
}

export { percent } from './percent.ts';

type Cell = (figures: Comparison) => string;

function perSet(results: Results, labels: string[], cells: Cell[], first: string): Pick<Table, 'header' | 'rows'> {
  const columns = columnsOf(results);
  const header = [first, ...columns.map((c) => c.name)];
  const rows = cells.map((cell, i) => [
    labels[i] as string,
    ...columns.map(({ figures: f }) => (f ? cell(f) : MISSING)),
  ]);
  return { header, rows };
}

/** The OOD sets, then the groups of a benchmark, then the average of all sets; means only of several sets. */
function columnsOf({ ood, groups = [], average }: Results): { name: string; figures: Comparison | null }[] {
  const means = [
    ...groups.filter((g) => g.sets.length > 1),
    ...(ood.length > 1 ? [{ name: 'average', figures: average }] : []),
  ];
  return [...ood, ...means];
}

/** The published rows for a table of these columns, if a preset was measured. */
function withPublished(table: Table, { preset }: Results, rowsOf: typeof publishedPairs): Table {
  const published = preset && rowsOf(preset, table.header.slice(1));
  return published ? { ...table, published } : table;
}

/** Names of the scores or rules that any set has figures of; those of every verdict if no image could be judged. */
function namesIn(results: Results, kind: keyof Comparison): string[] {
  const found = inOrder(results.ood.flatMap(({ figures }) => Object.keys(figures?.[kind] ?? {})));
  return found.length > 0 ? found : kind === 'scores' ? [...SCORES] : [...RULES];
}

/** One row per score, one column per OOD set. */
function perScore(results: Results, table: Omit<Table, 'header' | 'rows'>, cell: (figures: ScoreFigures) => string) {
  const names = namesIn(results, 'scores');
  const cells = names.map<Cell>(
    (s) =>
      ({ scores: { [s]: figures } }) =>
        figures ? cell(figures) : MISSING,
  );
  return { ...table, ...perSet(results, names.map(labelOf), cells, 'score') };
}

const highest = (name: string): PairedFigure => ({ name, best: 'highest' });
const lowest = (name: string): PairedFigure => ({ name, best: 'lowest' });

/** The rules without a threshold: one row per rule, with the share of ID that it keeps and its figures for each OOD set. */
function rulesTable(results: Results): Table {
  const kept = results.id.id_kept;
  const names = namesIn(results, 'decisions');
  const cells = names.map<Cell>(
    (r) =>
      ({ decisions: { [r]: d } }) =>
        d ? `${percent(d.ood_caught)}/${percent(d.balanced_accuracy)}` : MISSING,
  );
  const { header, rows } = perSet(results, names.map(labelOf), cells, 'rule');
  return {
    title: 'Without a threshold: OOD caught / balanced accuracy, %',
    note: 'Decisions of the rules without a threshold. Balanced accuracy is the mean of ID kept and OOD caught.',
    parts: [highest('caught'), highest('balanced')],
    header: ['rule', 'ID kept', ...header.slice(1)],
    rows: rows.map(([label, ...row], i) => [label as string, percent(kept?.[names[i] as string]), ...row]),
  };
}

/** The tables of an evaluation: the papers' form first, then the other convention, AUPR, and the rules without a threshold. */
export function tablesOf(results: Results): Table[] {
  const pairs = perScore(
    results,
    {
      title: 'AUROC / FPR95, %',
      note: 'fpr95_ood_accepted: share of OOD accepted at the threshold that accepts 95 % of ID, as CLIPN and MCM report it.',
      parts: [highest('AUROC'), lowest('FPR95')],
    },
    (f) => `${percent(f.auroc)}/${percent(f.fpr95_ood_accepted)}`,
  );
  const other = perScore(
    results,
    {
      title: 'FPR95 in the other convention, %',
      note: 'fpr95_id_rejected: share of ID rejected at the threshold that rejects 95 % of OOD, as OpenOOD and pytorch-ood report it.',
    },
    (f) => percent(f.fpr95_id_rejected),
  );
  return [
    withPublished(pairs, results, publishedPairs),
    withPublished(other, results, publishedOther),
    perScore(
      results,
      {
        title: 'AUPR-in / AUPR-out, %',
        note: 'Average precision with ID, or with OOD, as the positive class. It depends on how many images there are of each.',
        parts: [highest('in'), highest('out')],
      },
      (f) => `${percent(f.aupr_in)}/${percent(f.aupr_out)}`,
    ),
    rulesTable(results),
  ];
}
