import { fromShared } from '../../ipc/clock.ts';
import type { Stage } from '../../shared/types.ts';

/** The stages inside the engine process, on the clock of this process, framed by the transfers in both directions. */
export function framed(began: number, inside: Stage[]): Stage[] {
  const stages = fromShared(inside);
  const arrived = stages[0]?.start ?? began;
  const left = stages.at(-1)?.end ?? arrived;
  return [
    { name: 'handover', start: began, end: arrived },
    ...stages,
    { name: 'handback', start: left, end: performance.now() },
  ];
}
