/** Measures the quality of a bundle on folders of images. It receives an engine and starts none. */
export { classNames, readTemplates } from './classes.ts';
export type { Collector } from './collector.ts';
export { EvaluationError, type EvaluationErrorCode } from './errors.ts';
export { classesHash, type Evaluation, evaluate, type Judge } from './evaluate.ts';
export { LeftOutFiles } from './left-out.ts';
export {
  differences,
  missingSets,
  PRESET_NAMES,
  PRESETS,
  type PresetName,
  type PresetRecord,
  preparePreset,
} from './presets/index.ts';
export { reportHtml } from './report/html.ts';
export { thumbnails } from './report/thumbnails.ts';
export { type Results, resultsOf } from './results.ts';
export { type OpenedLog, type RunRecord, ScoreLog } from './score-log.ts';
export { countImages, type ImageSet, openSets } from './sets.ts';
export { SteadyDetector } from './steady.ts';
export { tablesOf } from './tables.ts';
