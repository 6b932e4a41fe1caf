import type { LeftOutFiles } from '../evaluation/left-out.ts';

/** Says on standard error what the walk through the folders left out, and what it could not read. */
export function tellLeftOut(leftOut: LeftOutFiles): void {
  for (const line of leftOut.lines()) process.stderr.write(`Left out: ${line}\n`);
  for (const fault of leftOut.faults()) process.stderr.write(`error: ${fault}\n`);
}
