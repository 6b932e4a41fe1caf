export { type DayReport, LooksLikeCounts } from './looks-like.ts';
export { type Counted, SpaceSaving } from './space-saving.ts';
