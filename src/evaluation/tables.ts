import type { Comparison, Results } from './results.ts';
import { RULES, SCORES } from './rows.ts';

/** A table for people, on a terminal or in the report. The first column is text, the others are numbers. */
export interface Table {
  title: string;
  header: string[];
  rows: string[][];
  /** What a cell says, where the title is not enough. */
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

/** A share as percent with two digits, as the paper prints it. */
export const percent = (share: number | null | undefined) =>
  share === null || share === undefined ? MISSING : (100 * share).toFixed(2);

type Cell = (figures: Comparison) => string;

function perSet(results: Results, labels: string[], cells: Cell[], first: string): Pick<Table, 'header' | 'rows'> {
  const columns = [...results.ood.map((o) => o.figures), ...(results.ood.length > 1 ? [results.average] : [])];
  const header = [first, ...results.ood.map((o) => o.name), ...(results.ood.length > 1 ? ['average'] : [])];
  const rows = cells.map((cell, i) => [labels[i] as string, ...columns.map((f) => (f ? cell(f) : MISSING))]);
  return { header, rows };
}

/** The tables of an evaluation: the paper's form first, then the other convention, AUPR, and what the rules do by themselves. */
export function tablesOf(results: Results): Table[] {
  const names = SCORES.map((s) => LABELS[s]);
  const rules = RULES.map((r) => LABELS[r]);
  const kept = results.id.id_kept;
  const decisions = perSet(
    results,
    rules,
    RULES.map(
      (r) =>
        ({ decisions }) =>
          `${percent(decisions[r].ood_caught)}/${percent(decisions[r].balanced_accuracy)}`,
    ),
    'rule',
  );
  return [
    {
      title: 'AUROC / FPR95, %',
      note: 'fpr95_ood_accepted: share of OOD accepted where 95 % of ID is accepted, as CLIPN and MCM report it.',
      ...perSet(
        results,
        names,
        SCORES.map(
          (s) =>
            ({ scores }) =>
              `${percent(scores[s].auroc)}/${percent(scores[s].fpr95_ood_accepted)}`,
        ),
        'score',
      ),
    },
    {
      title: 'FPR95 the other way, %',
      note: 'fpr95_id_rejected: share of ID rejected where 95 % of OOD is rejected, as OpenOOD and pytorch-ood report it.',
      ...perSet(
        results,
        names,
        SCORES.map(
          (s) =>
            ({ scores }) =>
              percent(scores[s].fpr95_id_rejected),
        ),
        'score',
      ),
    },
    {
      title: 'AUPR-in / AUPR-out, %',
      note: 'Average precision with ID, or with OOD, as the positive class. It depends on how many images there are of each.',
      ...perSet(
        results,
        names,
        SCORES.map(
          (s) =>
            ({ scores }) =>
              `${percent(scores[s].aupr_in)}/${percent(scores[s].aupr_out)}`,
        ),
        'score',
      ),
    },
    {
      title: 'Without a threshold: OOD caught / balanced accuracy, %',
      note: 'What the rules decide by themselves. Balanced accuracy is the mean of ID kept and OOD caught.',
      header: ['rule', 'ID kept', ...decisions.header.slice(1)],
      rows: decisions.rows.map(([label, ...cells], i) => [
        label as string,
        percent(kept?.[RULES[i] as keyof typeof kept]),
        ...cells,
      ]),
    },
  ];
}
