import type { Comparison, Results } from './results.ts';
import { RULES, SCORES } from './rows.ts';

/** A table for the terminal and the report. The first column is text, the others are numbers. */
export interface Table {
  title: string;
  header: string[];
  rows: string[][];
  /** Explains the cells, if the title is not enough. */
  note?: string;
}

export const LABELS = {
  ctw: 'CTW',
  atd: 'ATD',
  atd_rescaled: 'ATD rescaled',
  msp: 'MSP',
  max_logit: 'MaxLogit',
  energy: 'Energy',
  mcm: 'MCM',
} as const;

const MISSING = 'n/a';

/** A share in percent with two digits, as in the paper. */
export const percent = (share: number | null | undefined) =>
  share === null || share === undefined ? MISSING : (100 * share).toFixed(2);

type Cell = (figures: Comparison) => string;

function perSet(results: Results, labels: string[], cells: Cell[], first: string): Pick<Table, 'header' | 'rows'> {
  const columns = [...results.ood.map((o) => o.figures), ...(results.ood.length > 1 ? [results.average] : [])];
  const header = [first, ...results.ood.map((o) => o.name), ...(results.ood.length > 1 ? ['average'] : [])];
  const rows = cells.map((cell, i) => [labels[i] as string, ...columns.map((f) => (f ? cell(f) : MISSING))]);
  return { header, rows };
}

/** One row per score, one column per OOD set. */
function perScore(
  results: Results,
  title: string,
  note: string,
  cell: (figures: Comparison['scores'][(typeof SCORES)[number]]) => string,
): Table {
  const cells = SCORES.map<Cell>((s) => (figures) => cell(figures.scores[s]));
  const labels = SCORES.map((s) => LABELS[s]);
  return { title, note, ...perSet(results, labels, cells, 'score') };
}

/** The tables of an evaluation: the paper's form first, then the other convention, AUPR, and the rules without a threshold. */
export function tablesOf(results: Results): Table[] {
  const kept = results.id.id_kept;
  const decisions = perSet(
    results,
    RULES.map((r) => LABELS[r]),
    RULES.map<Cell>(
      (r) =>
        ({ decisions: { [r]: d } }) =>
          `${percent(d.ood_caught)}/${percent(d.balanced_accuracy)}`,
    ),
    'rule',
  );
  return [
    perScore(
      results,
      'AUROC / FPR95, %',
      'fpr95_ood_accepted: share of OOD accepted at the threshold that accepts 95 % of ID, as CLIPN and MCM report it.',
      (f) => `${percent(f.auroc)}/${percent(f.fpr95_ood_accepted)}`,
    ),
    perScore(
      results,
      'FPR95 in the other convention, %',
      'fpr95_id_rejected: share of ID rejected at the threshold that rejects 95 % of OOD, as OpenOOD and pytorch-ood report it.',
      (f) => percent(f.fpr95_id_rejected),
    ),
    perScore(
      results,
      'AUPR-in / AUPR-out, %',
      'Average precision with ID, or with OOD, as the positive class. It depends on how many images there are of each.',
      (f) => `${percent(f.aupr_in)}/${percent(f.aupr_out)}`,
    ),
    {
      title: 'Without a threshold: OOD caught / balanced accuracy, %',
      note: 'Decisions of the rules without a threshold. Balanced accuracy is the mean of ID kept and OOD caught.',
      header: ['rule', 'ID kept', ...decisions.header.slice(1)],
      rows: decisions.rows.map(([label, ...cells], i) => [
        label as string,
        percent(kept?.[RULES[i] as keyof typeof kept]),
        ...cells,
      ]),
    },
  ];
}
