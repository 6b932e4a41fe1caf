import { decisionIn, type Rule } from '../../clipn/index.ts';
import type { Detection } from './types.ts';

/**
 * Readings of the image whose decision differs from that of the judged reading. If a detection with `readings` has none, its decision holds
 * for every program that opens the file.
 */
export function disagreeing({ decisions, otherReadings = [] }: Detection, method: Rule): string[] {
  const decision = decisionIn(decisions, method);
  return otherReadings
    .filter((other) => decisionIn(other.decisions, method) !== decision)
    .map(({ reading }) => reading);
}
