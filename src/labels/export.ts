import { decisionKey, METHODS, NEGATIVE_METHODS, type Rule } from '../clipn/index.ts';
import type { LabelRecord } from './label-record.ts';

/** The word of a label: the name of the class, `none` or `unsure`. */
export const wordOf = ({ label }: LabelRecord): string => (label.kind === 'class' ? label.class : label.kind);

type Cell = string | number | null | undefined;
type Column = [name: string, value: (record: LabelRecord) => Cell];

const ruleColumn = (rule: Rule): Column => {
  const key = decisionKey(rule);
  return [key, ({ verdict }) => verdict?.decisions[key]];
};

/** Columns of the table, each with its value; empty where there is none. */
const COLUMNS: Column[] = [
  ['sha256', ({ key }) => key],
  ['kind', ({ label }) => label.kind],
  ['class', ({ label }) => (label.kind === 'class' ? label.class : undefined)],
  ['by', ({ by }) => by],
  ['at', ({ at }) => at],
  ['captured_at', ({ verdict }) => verdict?.captured_at],
  ['model', ({ verdict }) => verdict && `${verdict.model.name} ${verdict.model.version}`],
  ['tenant_version', ({ verdict }) => verdict?.tenant_version],
  ['prediction', ({ verdict }) => verdict?.prediction.class],
  ['probability', ({ verdict }) => verdict?.prediction.probability],
  ['no_probability', ({ verdict }) => verdict?.no_probability],
  ['ood_probability', ({ verdict }) => verdict?.ood_probability],
  ...METHODS.map(ruleColumn),
  ruleColumn('calibrated'),
  ['weight', ({ verdict }) => verdict?.weight],
  // last, so that columns keep their places
  ...NEGATIVE_METHODS.map(ruleColumn),
];

/** The labels as a table (RFC 4180), one row for each image. */
export function toCsv(records: Iterable<LabelRecord>): string {
  const rows = [...records].map((record) => COLUMNS.map(([, value]) => cell(value(record))).join(','));
  return `${[COLUMNS.map(([name]) => name).join(','), ...rows].join('\r\n')}\r\n`;
}

/** A text that a spreadsheet would take for a formula gets an apostrophe in front. */
function cell(value: Cell): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
