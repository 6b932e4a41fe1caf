import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { HeadResidency } from '../../src/engine/front/residency.ts';
import { HeadScorer } from '../../src/engine/image-process/heads/scorer.ts';
import { scoredBy } from '../../src/engine/image-process/heads/scoring.ts';
import type { Head } from '../../src/engine/index.ts';
import { ServiceError } from '../../src/errors/index.ts';

const unit = (width: number, seed: number): Float32Array => {
  const v = Float32Array.from({ length: width }, (_, i) => Math.sin(seed * 12.9898 + i * 78.233));
  const length = Math.hypot(...v);
  return v.map((x) => x / length);
};
const rows = (count: number, width: number, seed: number) =>
  Float32Array.from(Array.from({ length: count }, (_, i) => [...unit(width, seed + i)]).flat());

/** The same in plain numbers, float64. */
function reference(feature: Float32Array, matrix: Float32Array): number[] {
  const width = feature.length;
  return Array.from({ length: matrix.length / width }, (_, c) =>
    feature.reduce((sum, x, i) => sum + x * (matrix[c * width + i] as number), 0),
  );
}

describe('head scorer', () => {
  it('the head scorer computes the formulas for one to ten thousand classes, and for any view of the feature', async () => {
    const width = 48;
    const scorer = await HeadScorer.open({ width, scale: 100 });
    const batch = Float32Array.from([...unit(width, 1), ...unit(width, 2), ...unit(width, 3)]);
    for (const classes of [1, 7, 1000, 10_000]) {
      const [yes, no] = [rows(classes, width, 10), rows(classes, width, 99_999)];
      scorer.put('t', { rows: Float32Array.from([...yes, ...no]), negatives: null });
      for (const at of [0, 2]) {
        const feature = batch.subarray(at * width, (at + 1) * width);
        const verdict = await scorer.score('t', feature, 3);
        const expected = scoredBy(reference(feature, yes), reference(feature, no), 100, 3);
        assert.equal(verdict.index, expected.index);
        assert.deepEqual(verdict.decisions, expected.decisions);
        assert.deepEqual(verdict.top.map((c) => c.index).sort(), expected.top.map((c) => c.index).sort());
        for (const key of ['probability', 'noProbability', 'oodProbability'] as const)
          assert.ok(Math.abs(verdict[key] - expected[key]) < 2e-5, `${key} of ${classes}`);
      }
    }
  });

  it('the head scorer scores many tenants at once, each with its own classes, and reports a missing head', async () => {
    const width = 16;
    const scorer = await HeadScorer.open({ width, scale: 100 });
    const feature = unit(width, 5);
    for (let i = 0; i < 20; i++) scorer.put(`t${i}`, { rows: rows(2 * (i + 1), width, i), negatives: null });
    const verdicts = await Promise.all(Array.from({ length: 20 }, (_, i) => scorer.score(`t${i}`, feature, 100)));
    assert.deepEqual(
      verdicts.map((v) => v.top.length),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    scorer.drop('t3');
    await assert.rejects(
      scorer.score('t3', feature, 1),
      (e) => e instanceof ServiceError && e.code === 'tenant_not_ready',
    );
  });
});

describe('head residency', () => {
  /** Heads that the engine holds, computed from its messages in order; a head of n classes has 8 n bytes. */
  function engine(limitBytes: number) {
    const held = new Map<string, Float32Array>();
    const loads: string[] = [];
    const gone = new Set<string>();
    let peak = 0;
    const bytes = () => [...held.values()].reduce((sum, r) => sum + r.byteLength, 0);
    const residency = new HeadResidency({
      limitBytes,
      provider: {
        loadHead: async (id) => {
          loads.push(id);
          await tick();
          return gone.has(id) ? undefined : head(Number(id.slice(1)));
        },
      },
      put: async ({ id, rows }) => {
        held.set(id, rows);
        peak = Math.max(peak, bytes());
      },
      drop: async (id) => {
        assert.ok(held.delete(id), `${id} was dropped but is not there`);
      },
      words: {
        put: async () => ({ bytes: 0 }),
        drop: async () => {},
      },
    });
    return { residency, held, loads, gone, bytes, peak: () => peak };
  }
  const head = (classes: number): Head => ({
    classes: Array.from({ length: classes }, String),
    yes: new Float32Array(classes).fill(1),
    no: new Float32Array(classes).fill(2),
  });

  it('a head is loaded once, for the first request that needs it', async () => {
    const { residency, held, loads } = engine(1000);
    const seen = await Promise.all(['t3', 't3', 't2'].map((id) => residency.use(id, async () => held.has(id))));
    assert.deepEqual(
      [seen, loads],
      [
        [true, true, true],
        ['t3', 't2'],
      ],
    );
    assert.deepEqual([...(held.get('t2') as Float32Array)], [1, 1, 2, 2]);
    assert.deepEqual([residency.bytes, residency.size], [40, 2]);
  });

  it('the least recently used head is evicted, never one in use, and loaded again when needed', async () => {
    const { residency, held, loads } = engine(8 * 10);
    let release = () => {};
    const inUse = residency.use('t5', () => new Promise<void>((resolve) => (release = resolve)));
    await residency.use('t3', async () => {});
    await residency.use('t4', async () => {});
    assert.deepEqual([...held.keys()], ['t5', 't4']);
    await residency.use('t10', async () => assert.deepEqual([...held.keys()], ['t5', 't10'], 'in use, both'));
    assert.deepEqual([...held.keys()], ['t5'], 'and what is too large to stay beside it leaves at once');
    release();
    await inUse;
    await residency.use('t3', async () => {});
    assert.deepEqual(loads, ['t5', 't3', 't4', 't10', 't3']);
    assert.equal(residency.bytes, 64);
  });

  it('a head that is put needs no loading; a retired one is removed with its last user', async () => {
    const { residency, held, loads, gone } = engine(1000);
    await residency.put('t2', head(2));
    let release = () => {};
    const inUse = residency.use('t2', () => new Promise<void>((resolve) => (release = resolve)));
    await tick();
    residency.retire('t2');
    gone.add('t2');
    assert.ok(held.has('t2'));
    release();
    await inUse;
    assert.deepEqual([held.size, residency.bytes, loads], [0, 0, []]);
    await assert.rejects(
      residency.use('t2', async () => {}),
      (e) => e instanceof ServiceError && e.code === 'tenant_not_ready',
    );
    assert.equal(residency.size, 0);
  });

  it('with far more heads than fit, every request gets its head within the memory bound', async () => {
    const { residency, held, loads, bytes, peak } = engine(8 * 100);
    let served = 0;
    await Promise.all(
      Array.from({ length: 16 }, async (_, client) => {
        for (let i = 0; i < 100; i++) {
          const id = `t${1 + ((client * 31 + i * 17) % 40)}`;
          await residency.use(id, async () => {
            await tick();
            const rows = held.get(id);
            assert.equal(rows?.length, 2 * Number(id.slice(1)));
            served++;
          });
        }
      }),
    );
    assert.equal(served, 1600);
    assert.ok(loads.length > 200, 'heads came and went');
    assert.ok(bytes() <= 800 && residency.bytes === bytes(), `${bytes()} bytes in the end`);
    assert.ok(peak() <= 800 + 16 * 8 * 40, `${peak()} bytes at most: the bound and what was in use`);
  });
});
