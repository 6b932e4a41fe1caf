export { toCsv, wordOf } from './export.ts';
export type { Label, LabelledVerdict, LabelRecord } from './label-record.ts';
export { Labels } from './labels.ts';
export { type Quality, quality, type Rate, type RuleDecisions } from './quality.ts';
