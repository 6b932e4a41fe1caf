export { Capture, type CaptureResult } from './capture.ts';
export {
  type CaptureRecord,
  type Drawn,
  type Observed,
  REASONS,
  type Reason,
  type RecordedVerdict,
} from './capture-record.ts';
export { KeptImages } from './kept-images.ts';
export { type CaptureFilter, pageOf } from './listing.ts';
export { Population, type StratumCount } from './population.ts';
export { sweep } from './retention.ts';
export { featuresOf } from './strata.ts';
