/**
 * Bodies with a picture in any of the ways in which a server may find it, through the gate to parsers of real servers; then
 * bodies of honest clients. test/gate/differential.test.ts asserts the same on a seeded few.
 */
import fc from 'fast-check';
import { hostileBodies } from '../../gate/differential/generator.ts';
import { Differential, go, missing, type Outcome } from '../../gate/differential/harness.ts';
import { HonestBodies } from '../../gate/differential/honest.ts';
import { decoyOf } from '../../gate/differential/run.ts';
import type { Bench } from '../main.ts';

/** Bodies that are made at once. */
const CHUNK = 1000;

const causeOf = ({ cause }: Outcome) => (cause.split(': ').at(1) ?? cause).replace(/\(.*\)|\d+/g, '').trim();

function causes(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[causeOf(outcome)] = (counts[causeOf(outcome)] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a));
}

export const differential: Bench = async ({ count = 20_000, seed = 1 }) => {
  if (missing) throw new Error(missing);
  const closers: (() => unknown)[] = [];
  const t = { after: (close: () => unknown) => void closers.push(close) } as Parameters<typeof Differential.start>[0];
  const harness = await Differential.start(t);
  const pictures = await harness.pictures();
  console.log(
    `${pictures.length} pictures of Pillow's formats; parsers of Node.js, Python${go ? ' and Go' : ' (no Go here)'}`,
  );
  const bodies = hostileBodies(pictures, decoyOf(pictures));
  const sums = { bodies: 0, refused: 0, passed: 0, 'passed with a picture': 0, 'passed unjudged': 0 };
  const report = (title: string) => console.log(`${title}: ${JSON.stringify(sums)}`);
  for (let at = 0; at < count; at += CHUNK) {
    const numRuns = Math.min(CHUNK, count - at);
    for (const { passed, opened, unjudged } of await harness.run(
      fc.sample(bodies, { numRuns, seed: seed * 1000 + at / CHUNK }),
    )) {
      sums.bodies++;
      sums[passed ? 'passed' : 'refused']++;
      if (opened > 0) sums['passed with a picture']++;
      if (unjudged.length > 0) sums['passed unjudged']++;
      for (const { by, format, sample } of unjudged.slice(0, 1))
        console.log(`  ${by}: ${format}, ${sample.path}, ${sample.made}`);
    }
    if ((at / CHUNK) % 5 === 4) report('so far');
  }
  report('bodies with a picture');
  const honest: Outcome[] = [];
  const generator = await HonestBodies.start(t);
  console.log(`honest clients: ${generator.clients.join(', ')}`);
  for (let at = 0; at < count; at += CHUNK)
    honest.push(...(await harness.run(await generator.make(Math.min(CHUNK, count - at), seed * 1000 + at / CHUNK))));
  const refused = honest.filter(({ passed }) => !passed);
  const judged = honest.filter((outcome) => outcome.judged > 0).length;
  console.log(
    `honest bodies: ${honest.length}, with judged pictures: ${judged}, refused: ${refused.length}`,
    causes(refused),
  );
  for (const { cause, sample } of refused.slice(0, 20)) console.log(`  ${cause}, ${sample.made}`);
  for (const close of closers.reverse()) await close();
  return { ...sums, honest: honest.length, 'honest refused': refused.length, causes: causes(refused) };
};
