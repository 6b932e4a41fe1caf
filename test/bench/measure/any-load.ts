/**
 * Benches that measure on a busy machine too, each with the reason. All others refuse it without `--busy`, because their figures are
 * compared with those of other days. docs/benchmarks.md names these benches; a test compares the two.
 */
export const ANY_LOAD: Record<string, string> = {
  against: 'the ratio of two builds in paired turns',
  'gate-against': 'the ratio of two builds in paired turns',
  text: 'the ratio to the same texts at full length, in one run',
  bytes: 'processor time per byte, and its ratio to a plain body of the same run',
  heads: 'processor time per verdict, of two implementations in one run',
  reduced: 'decisions that change',
  differential: 'bodies that are refused or pass',
  'gate-servers': 'pictures that servers see',
  'gate-faults': 'requests that are answered',
  hostile: 'requests that are answered, and processes that end',
  faults: 'requests that are answered',
  rolling: 'requests that fail',
  operators: 'answers that users see, with a fault every minute',
  prometheus: 'alerts that fire',
  cluster: 'objects that an API server accepts',
  upgrade: 'data that the next version reads',
  device: 'the device, beside the CPU of the same run',
  gpu: 'a device, and a dry run on any machine',
};
