import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Flood } from '../../src/telemetry/flood.ts';

describe('floods of refusals in the log', () => {
  it('the first ten refusals of a code in a second are logged, the rest are counted in one line', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const summaries: [string, number][] = [];
    const flood = new Flood((code, requests) => void summaries.push([code, requests]));
    const written = (code: string, n: number) =>
      Array.from({ length: n }, () => flood.admits(code)).filter(Boolean).length;
    assert.equal(written('overloaded', 4), 4);
    t.mock.timers.tick(900);
    assert.equal(written('overloaded', 2500), 6);
    assert.equal(written('engine_unavailable', 3), 3, 'another code has lines of its own');
    assert.deepEqual(summaries, []);
    t.mock.timers.tick(100);
    assert.deepEqual(summaries, [['overloaded', 2494]]);
    t.mock.timers.tick(1000);
    assert.equal(summaries.length, 1, 'nothing is said of what was written whole');
    assert.equal(written('overloaded', 11), 10);
  });
});
