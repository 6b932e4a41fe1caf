import type { Tally } from '../../gate/audit/replay.ts';
import { toRateReply } from '../../http/schemas/quality.ts';
import type { Rate } from '../../labels/index.ts';
import { table } from '../table.ts';
import type { LabelledReport } from './labelled-replay.ts';

const HEAD = ['tenant', 'requests', 'images', 'OOD', 'would be', 'in -> OOD', 'OOD -> in', 'rejected', 'would be'];

/** Counts for each tenant and in total. */
export function countsTable(tenants: Iterable<[string, Tally]>, total: Tally): string {
  const row = (name: string, t: Tally) => [
    name,
    ...[
      t.requests,
      t.images,
      t.ood.was,
      t.ood.would,
      t.id_to_ood,
      t.ood_to_id,
      t.rejected.was,
      t.rejected.would,
      t.failed,
    ].map(String),
  ];
  const rows = [...[...tenants].map(([name, t]) => row(name, t)), row('all', total)];
  return table([...HEAD, 'no verdict'], rows, new Set([1, 2, 3, 4, 5, 6, 7, 8, 9]));
}

/** The error rates of every rule, for each tenant. */
export function errorsTable(reports: Iterable<[string, LabelledReport]>): string {
  const rows: string[][] = [];
  for (const [tenant, { rules, ood }] of reports) {
    for (const rule of Object.keys(ood)) {
      const { falseRefusals = null, falseAcceptances = null } = rules[rule] ?? {};
      rows.push([tenant, rule, String(ood[rule]), ...cells(falseRefusals), ...cells(falseAcceptances)]);
    }
  }
  const head = ['tenant', 'rule', 'OOD', 'wrongly refused', '95 %', 'labels', 'wrongly passed', '95 %', 'labels'];
  return table(head, rows, new Set([2, 3, 4, 5, 6, 7, 8]));
}

function cells(rate: Rate | null): string[] {
  if (!rate) return ['-', '-', '0'];
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return [percent(rate.value), `${percent(rate.low)} to ${percent(rate.high)}`, String(rate.labelled)];
}

/** A report as JSON, with the names of `GET /v1/tenants/{tenant}/quality`. */
export function reportJson({ labels, verdicts, since, covered, rules, wrongClass, ood }: LabelledReport) {
  const named = Object.entries(ood).map(([rule, refused]) => [
    rule,
    {
      ood: refused,
      false_refusals: toRateReply(rules[rule]?.falseRefusals ?? null),
      false_acceptances: toRateReply(rules[rule]?.falseAcceptances ?? null),
    },
  ]);
  return { labels, verdicts, since, covered, rules: Object.fromEntries(named), wrong_class: toRateReply(wrongClass) };
}
