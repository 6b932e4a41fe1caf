import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Picture } from './differential/body.ts';
import { hostileBodies } from './differential/generator.ts';
import { Differential, go, missing } from './differential/harness.ts';
import { decoyOf } from './differential/run.ts';

const SEED = 14;
const BODIES = 500;

describe('the gate beside the parsers of real servers', { skip: missing }, () => {
  it(`judges or refuses every picture that ${go ? 'Go, ' : ''}Python or Node.js servers and Pillow see in ${BODIES} bodies (seed ${SEED})`, async (t) => {
    const differential = await Differential.start(t);
    const pictures: Picture[] = await differential.pictures();
    const bodies = fc.sample(hostileBodies(pictures, decoyOf(pictures)), { numRuns: BODIES, seed: SEED });
    const outcomes = await differential.run(bodies);
    const unjudged = outcomes.flatMap((outcome) => outcome.unjudged);
    assert.deepEqual(
      unjudged.map(({ by, format, sample }) => ({ by, format, made: sample.made, path: sample.path })),
      [],
    );
    // the property does not cover a gate that refuses everything, or about parsers that see nothing
    assert.ok(outcomes.filter(({ opened }) => opened > 0).length > BODIES / 50);
  });
});
