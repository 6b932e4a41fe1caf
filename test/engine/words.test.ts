import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { assess, negativeShares, negLabelScore } from '../../src/clipn/index.ts';
import { HeadResidency } from '../../src/engine/front/residency.ts';
import { HeadScorer } from '../../src/engine/image-process/heads/scorer.ts';
import { scoredBy } from '../../src/engine/image-process/heads/scoring.ts';
import type { Head, WordSource } from '../../src/engine/index.ts';
import { WordMatrix } from '../../src/words/word-matrix.ts';

/** Unit rows [count * width] that follow from the seed, a natural number; none is zero. */
function unitRows(count: number, width: number, seed: number): Float32Array {
  const rows = Float32Array.from({ length: count * width }, (_, i) => Math.sin((seed + 1) * 12.9898 + i * 78.233));
  for (let at = 0; at < rows.length; at += width) {
    const length = Math.hypot(...rows.subarray(at, at + width));
    for (let i = at; i < at + width; i++) rows[i] = (rows[i] as number) / length;
  }
  return rows;
}
const NO_OTHERS = { nouns: 0, except: new Uint32Array() };
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, x, i) => sum + x * (b[i] as number), 0);

describe('word matrix', () => {
  it('compiled and plain code give the same cosines, within 1e-4 of the float64 products, for any width, order and repetition', () => {
    const width = fc.integer({ min: 1, max: 80 });
    const count = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(width, count, fc.nat(1000), fc.array(fc.nat(1000), { maxLength: 40 }), (d, n, seed, places) => {
        const rows = unitRows(n, d, seed);
        const vector = unitRows(1, d, seed + 1);
        const indices = Uint32Array.from(places.slice(0, n), (place) => place % n);
        const [compiled, plain] = [true, false].map((how) => {
          const matrix = new WordMatrix(n, d, { compiled: how });
          const half = Math.floor(n / 2);
          matrix.set(half, rows.subarray(half * d));
          matrix.set(0, rows.subarray(0, half * d));
          return matrix.cosines(vector, indices);
        });
        assert.deepEqual(compiled, plain);
        for (const [i, place] of indices.entries()) {
          const expected = dot(vector, rows.subarray(place * d, (place + 1) * d));
          assert.ok(Math.abs((plain?.[i] as number) - expected) < 1e-4);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('the kernel is part of the build, and takes two bytes a number', () => {
    const matrix = new WordMatrix(1000, 512);
    assert.ok(matrix.bytes >= 1000 * 512 * 2 && matrix.bytes < 1000 * 512 * 2 + 2 ** 17 + 16_000);
    const plain = new WordMatrix(1000, 512, { compiled: false });
    assert.notEqual(matrix.bytes, plain.bytes, 'the compiled one has a memory of whole pages');
  });

  it('refuses an index or a row that does not exist', () => {
    const matrix = new WordMatrix(2, 4);
    assert.throws(() => matrix.cosines([1, 0, 0, 0], Uint32Array.of(2)), /there is no row 2/);
    assert.throws(() => matrix.cosines([1, 0, 0, 0], Uint32Array.of(0, 0, 0)), /3 indices for 2 rows/);
    assert.throws(() => matrix.set(1, new Float32Array(8)), /row 3 of 2/);
  });
});

describe('heads with negative labels', () => {
  const width = 48;
  const [yes, no, words] = [unitRows(3, width, 5), unitRows(3, width, 6), unitRows(30, width, 7)];
  const rows = Float32Array.from([...yes, ...no]);
  const feature = unitRows(1, width, 8);
  const labels = { neglabel: Uint32Array.of(4, 29, 0, 17, 8, 2, 3), csp: Uint32Array.of(1, 5), groups: 3 };
  const others = { nouns: 20, except: Uint32Array.of(3, 4) };
  const scorer = async () => {
    const open = await HeadScorer.open({ width, scale: 10 });
    open.putWords('w', { count: 30, from: 0, rows: words.subarray(0, 20 * width) });
    open.putWords('w', { count: 30, from: 20, rows: words.subarray(20 * width) });
    return open;
  };

  it('the verdict gains scores and decisions by the formulas, and is otherwise that of the same head without labels', async () => {
    const heads = await scorer();
    heads.put('plain', { rows, negatives: null });
    heads.put('with', { rows, negatives: { words: 'w', labels, others } });
    const plain = await heads.score('plain', feature, 2);
    const verdict = await heads.score('with', feature, 2);
    const cosine = (place: number) => dot(feature, words.subarray(place * width, (place + 1) * width));
    const yesCosines = [0, 1, 2].map((c) => dot(feature, yes.subarray(c * width, (c + 1) * width)));
    const expected = (of: Uint32Array) => negLabelScore(yesCosines, Array.from(of, cosine), 10, 3);
    const {
      neglabel = Number.NaN,
      csp = Number.NaN,
      combined: both = Number.NaN,
      logit_gap: gap,
      ...scores
    } = verdict.scores;
    assert.ok(Math.abs(neglabel - expected(labels.neglabel)) < 1e-4, `${neglabel}`);
    assert.ok(Math.abs(csp - expected(labels.csp)) < 1e-4, `${csp}`);
    assert.ok(gap !== undefined && gap >= 0);
    assert.deepEqual(scores, plain.scores);
    const { neglabel: byLabels, csp: byPool, combined, ...decisions } = verdict.decisions;
    assert.deepEqual([byLabels, byPool], [neglabel < 0.5 ? 'ood' : 'id', csp < 0.5 ? 'ood' : 'id']);
    const poolCosines = Array.from(labels.csp, cosine);
    const expectedBoth = (1 - verdict.noProbability) * negativeShares(yesCosines, 10, 3)(poolCosines).even;
    assert.ok(Math.abs(both - expectedBoth) < 1e-4, `${both}`);
    assert.equal(combined, both < 0.5 ? 'ood' : 'id');
    assert.deepEqual(decisions, plain.decisions);
    assert.equal(JSON.stringify({ ...verdict, scores, decisions }), JSON.stringify(plain));
    const a = assess([0.3, 0.1], [0.2, 0.4], 100);
    const { decisions: before, scores: published } = scoredBy([0.3, 0.1], [0.2, 0.4], 100, 1);
    assert.equal(
      JSON.stringify([before, published]),
      JSON.stringify([a.decisions, a.scores]),
      'no field more than before',
    );
  });

  it('the words of an image are the nearest nouns that name no class, with the softmax over classes and nouns', async () => {
    const heads = await scorer();
    heads.put('with', { rows, negatives: { words: 'w', labels, others } });
    heads.put('plain', { rows, negatives: null });
    const near = await heads.look('with', feature);
    const cosine = (place: number) => dot(feature, words.subarray(place * width, (place + 1) * width));
    const places = Array.from({ length: 20 }, (_, i) => i).filter((i) => i !== 3 && i !== 4);
    const yesCosines = [0, 1, 2].map((c) => dot(feature, yes.subarray(c * width, (c + 1) * width)));
    const sum = [...yesCosines, ...places.map(cosine)].reduce((all, x) => all + Math.exp(10 * x), 0);
    assert.deepEqual(new Set(near.map(({ index }) => index)), new Set(places));
    for (const [i, { index, probability }] of near.entries()) {
      assert.ok(Math.abs(probability - Math.exp(10 * cosine(index)) / sum) < 1e-3 * probability);
      assert.ok(probability <= (near[i - 1]?.probability ?? 1));
    }
    assert.deepEqual(await heads.look('with', feature), near);
    assert.deepEqual(await heads.look('plain', feature), []);
    await assert.rejects(heads.look('nobody', feature), { code: 'tenant_not_ready' });
  });

  it('a request for words that were dropped fails with tenant_not_ready', async () => {
    const heads = await scorer();
    heads.put('with', { rows, negatives: { words: 'w', labels, others } });
    heads.dropWords('w');
    await assert.rejects(heads.score('with', feature, 1), { code: 'tenant_not_ready' });
    await assert.rejects(heads.look('with', feature), { code: 'tenant_not_ready' });
  });
});

describe('word residency', () => {
  const count = 5000;
  function engine(limitBytes: number) {
    const log: string[] = [];
    const heads = new Map<string, Head>();
    let fail = false;
    const source: WordSource = {
      id: 'w',
      count,
      rows: async (from, to) => {
        if (fail) throw new Error('no rows');
        return new Float32Array(to - from);
      },
    };
    const residency = new HeadResidency({
      limitBytes,
      provider: { loadHead: async (id) => heads.get(id) },
      put: async ({ id, negatives }) => void log.push(`put ${id} ${negatives?.words ?? '-'}`),
      drop: async (id) => void log.push(`drop ${id}`),
      words: {
        put: async ({ from, rows }) => {
          log.push(`words ${from}+${rows.length}`);
          return { bytes: 1000 };
        },
        drop: async (id) => void log.push(`drop ${id}`),
      },
    });
    const head = (id: string, negatives = true) => {
      const labels = { neglabel: Uint32Array.of(1, 2), groups: 1 };
      heads.set(id, {
        classes: ['a'],
        yes: new Float32Array(1),
        no: new Float32Array(1),
        ...(negatives && { negatives: { words: source, labels, others: NO_OTHERS } }),
      });
      return id;
    };
    return { residency, log, head, fail: (now: boolean) => (fail = now) };
  }
  const nothing = async () => {};

  it('the words are sent once, in pieces, before the first head that needs them, and counted once', async () => {
    const { residency, log, head } = engine(10_000);
    await residency.use(head('plain', false), nothing);
    assert.equal(residency.wordBytes, 0);
    await Promise.all([head('a'), head('b')].map((id) => residency.use(id, nothing)));
    assert.deepEqual(log, ['put plain -', 'words 0+2048', 'words 2048+2048', 'words 4096+904', 'put a w', 'put b w']);
    assert.deepEqual([residency.wordBytes, residency.bytes], [1000, 8 + 16 + 16]);
  });

  it('heads make room for the words, which stay while heads come back for them, and go with the last tenant', async () => {
    const { residency, log, head } = engine(1016);
    for (const id of ['a', 'b', 'a']) await residency.use(head(id), nothing);
    assert.deepEqual(log.slice(3), ['put a w', 'drop a', 'put b w', 'drop b', 'put a w']);
    residency.retire('a');
    assert.deepEqual(log.slice(-2), ['drop a', 'drop w']);
    assert.deepEqual([residency.wordBytes, residency.bytes], [0, 0]);
    await residency.use(head('b'), nothing);
    assert.deepEqual(log.slice(-4, -3), ['words 0+2048']);
  });

  it('words that cannot be read fail the request, and the next one tries again', async () => {
    const { residency, head, fail } = engine(10_000);
    fail(true);
    await assert.rejects(residency.use(head('a'), nothing), /no rows/);
    assert.deepEqual([residency.wordBytes, residency.bytes, residency.size], [0, 0, 0]);
    fail(false);
    await residency.use(head('a'), nothing);
    assert.equal(residency.wordBytes, 1000);
  });
});
