import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HourQuota } from '../../src/capture/hour-quota.ts';
import type { Observed } from '../../src/capture/index.ts';
import { sweep } from '../../src/capture/retention.ts';
import type { CaptureRules } from '../../src/tenants/capture-rules.ts';
import type { TenantDefinition } from '../../src/tenants/definition.ts';
import { type FakeCaptureOptions, fakeCapture } from '../helpers/capture.ts';
import { randoms } from '../helpers/rows.ts';

type Decisions = Observed['detection']['decisions'];
const IN: Decisions = { ctw: 'id', atd: 'id', atd_rescaled: 'id' };
const OUT: Decisions = { ctw: 'ood', atd: 'ood', atd_rescaled: 'ood' };
const MIXED: Decisions = { ctw: 'id', atd: 'ood', atd_rescaled: 'id' };

function observed(name: string, decisions: Decisions, embedding?: number[], band?: 'uncertain' | 'in'): Observed {
  const bytes = Buffer.from(name);
  return {
    tenant: 'zoo',
    bytes,
    requestId: `request of ${name}`,
    rule: 'ctw',
    decision: decisions.ctw,
    calibrated: band && { band, pValue: 0.04, decision: 'ood' },
    serving: {
      version: 3,
      classes: ['dog'],
      model: { name: 'm', version: '1' },
      pins: { model: 'm', classes: 'c' },
    },
    detection: {
      index: 0,
      probability: 0.9,
      noProbability: 0.2,
      oodProbability: 0.1,
      decisions,
      scores: {} as never,
      top: [],
      image: {
        sha256: createHash('sha256').update(bytes).digest('hex'),
        width: 8,
        height: 6,
        format: 'png',
        frames: 1,
      },
      timing: { decode: 0, queue: 0, inference: 0 },
      cache: 'off',
      ...(embedding ? { embedding: Float32Array.from(embedding) } : {}),
    },
  };
}

function setUp(rules: CaptureRules | undefined, options: Partial<FakeCaptureOptions> = {}) {
  const definition: TenantDefinition = { classes: ['dog'], ...(rules ? { capture: rules } : {}) };
  const parts = fakeCapture({ tenants: { definitionOf: () => definition }, random: () => 0.5, ...options });
  const offer = (...image: Parameters<typeof observed>) => parts.capture.offer(observed(...image));
  const kept = async () => [...(await parts.kept.all('zoo')).values()];
  return { ...parts, definition, offer, all: kept };
}

describe('capture', () => {
  it('keeps nothing of a tenant without rules, and counts nothing', async () => {
    const { capture, offer, all, population } = setUp(undefined);
    offer('a', OUT);
    await capture.idle();
    assert.deepEqual(await all(), []);
    assert.equal((await population.of('zoo')).size, 0);
    assert.equal(capture.wants('zoo'), false);
  });

  it('keeps the original bytes with verdict, version, model, reason and probability', async () => {
    const { capture, offer, all, kept } = setUp({ rest: 0.6 });
    offer('refused', OUT);
    offer('contested', MIXED);
    offer('accepted', IN);
    offer('between', OUT, undefined, 'uncertain');
    await capture.idle();
    const records = await all();
    assert.deepEqual(
      records.map(({ reason, probability, decision, model, tenant_version }) => [
        reason,
        probability,
        decision,
        model.name,
        tenant_version,
      ]),
      [
        ['out', 1, 'ood', 'm', 3],
        ['disagreeing', 1, 'id', 'm', 3],
        ['rest', 0.6, 'id', 'm', 3],
        ['uncertain', 1, 'ood', 'm', 3],
      ],
    );
    assert.equal(records[0]?.request_id, 'request of refused');
    for (const [i, name] of ['refused', 'contested', 'accepted', 'between'].entries())
      assert.equal(String(await kept.file('zoo', records[i]?.key as string)), name);
  });

  it('keeps an image again that was sent again only as more weight of the first', async () => {
    const { capture, offer, all, results } = setUp({});
    for (let i = 0; i < 5; i++) offer('same', OUT);
    await capture.idle();
    await capture.flush();
    const [record, ...others] = await all();
    assert.deepEqual(others, []);
    assert.equal(record?.weight, 5);
    assert.deepEqual(
      results.map(([, result]) => result),
      ['stored', ...new Array(4).fill('duplicate')],
    );
  });

  it('skips an image that is nearly equal to a kept one, unless the rules keep such images', async () => {
    for (const [duplicates, stored] of [
      ['skip', 2],
      ['keep', 3],
    ] as const) {
      const { capture, offer, all } = setUp({ duplicates });
      offer('frame 1', OUT, [1, 0, 0]);
      offer('frame 2', OUT, [0.999, 0.04, 0]);
      offer('another', OUT, [0, 1, 0]);
      await capture.idle();
      assert.equal((await all()).length, stored);
    }
  });

  it('an image with other decisions is never a duplicate of a nearly equal one', async () => {
    const { capture, offer, all } = setUp({});
    offer('frame 1', OUT, [1, 0]);
    offer('frame 2', MIXED, [1, 0]);
    await capture.idle();
    assert.equal((await all()).length, 2);
  });

  it('drops and counts what does not fit into the queue, while the store does not answer', async () => {
    const { capture, offer, objects, results, all } = setUp({}, { maxQueueBytes: 25 });
    let open = () => {};
    objects.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    for (let i = 0; i < 5; i++) offer(`image ${i}...`, OUT);
    assert.deepEqual(results, new Array(3).fill(['zoo', 'dropped']));
    assert.equal(capture.queuedBytes, 20);
    open();
    await capture.idle();
    assert.equal((await all()).length, 2);
    assert.equal(capture.queuedBytes, 0);
  });

  it('a store that fails is counted and logged, and leaves neither file nor record', async () => {
    const { capture, offer, objects, records, results, problems, all } = setUp({});
    objects.failure = new Error('no answer');
    offer('a', OUT);
    await capture.idle();
    objects.failure = undefined;
    records.failure = new Error('no space');
    offer('b', OUT);
    await capture.idle();
    assert.deepEqual(results, new Array(2).fill(['zoo', 'failed']));
    assert.deepEqual(problems.map(String), ['Error: no answer', 'Error: no space']);
    assert.deepEqual([await all(), objects.objects.size], [[], 0]);
  });

  it('keeps at most `total` images at a time, and more once some are removed', async () => {
    const { capture, offer, all, results } = setUp({ total: 2 });
    for (const name of ['a', 'b', 'c']) offer(name, OUT);
    await capture.idle();
    offer('d', OUT);
    await capture.idle();
    const records = await all();
    assert.equal(records.length, 2);
    assert.deepEqual(results.slice(2), [
      ['zoo', 'total'],
      ['zoo', 'total'],
    ]);
    assert.equal(await capture.remove('zoo', [records[0]?.key as string, 'unknown']), 1);
    offer('e', OUT);
    await capture.idle();
    assert.equal((await all()).length, 2);
  });

  it('images that wait to be stored when everything is removed are not stored afterwards', async () => {
    const { capture, offer, objects, all, population } = setUp({});
    let open = () => {};
    objects.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    for (const name of ['a', 'b', 'c']) offer(name, OUT);
    const forgotten = capture.forget('zoo');
    open();
    await forgotten;
    await capture.idle();
    assert.deepEqual([await all(), objects.objects.size, (await population.of('zoo')).size], [[], 0, 0]);
  });

  it('an image that was drawn for a removed tenant is not stored for a new tenant of the same name', async () => {
    const tenants: { now: TenantDefinition | undefined } = { now: { classes: ['dog'], capture: {} } };
    const { capture, offer, objects, all } = setUp({}, { tenants: { definitionOf: () => tenants.now } });
    let open = () => {};
    objects.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) offer(name, OUT); // four are stored at once, two wait
    tenants.now = undefined;
    const forgotten = capture.forget('zoo');
    tenants.now = { classes: ['dog'], capture: {} };
    offer('new', OUT);
    open();
    await forgotten;
    await capture.idle();
    assert.deepEqual(
      (await all()).map(({ request_id }) => request_id),
      ['request of new'],
    );
  });

  it('nothing of a removed tenant stays in memory, and one whose images are removed keeps its quota of the hour', async () => {
    const tenants: { now: TenantDefinition | undefined } = { now: { classes: ['dog'], capture: { per_hour: 2 } } };
    const { capture, offer } = setUp({}, { tenants: { definitionOf: () => tenants.now }, random: () => 0.01 });
    for (const name of ['a', 'b', 'c']) offer(name, OUT);
    await capture.idle();
    const results = capture.resultsOf('zoo');
    assert.deepEqual(results, { stored: 1, quota: 2 });
    await capture.forget('zoo');
    offer('d', OUT);
    assert.deepEqual(capture.resultsOf('zoo'), { stored: 1, quota: 3 });
    tenants.now = undefined;
    await capture.forget('zoo');
    assert.deepEqual(capture.resultsOf('zoo'), {});
    await capture.forget('never seen');
    await capture.remove('never seen', ['a']);
    assert.deepEqual([...capture.tenants], []);
  });

  it('the probability of a draw is recorded, so that the weights of a busy hour add up to its verdicts', async () => {
    const random = randoms(7);
    let now = Date.parse('2026-01-01T00:00:00Z');
    const { capture, offer, all, population } = setUp({ per_hour: 200 }, { random, now: () => now });
    const sent = 4000;
    for (let i = 0; i < sent; i++) {
      now += 900; // one hour
      offer(`image ${i}`, OUT);
    }
    await capture.idle();
    const records = await all();
    assert.ok(records.length <= 200);
    const [stratum] = (await population.of('zoo')).values();
    assert.equal(stratum?.verdicts, sent);
    const estimate = records.reduce((sum, { weight }) => sum + weight, 0);
    assert.ok(Math.abs(estimate / sent - 1) < 0.25, String(estimate));
    // the hour is sampled to its end
    assert.ok(records.some(({ captured_at }) => Date.parse(captured_at) > now - 300_000));
  });

  it('never draws more than the quota in any hour, whenever images come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 600_000 }), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 2, max: 20 }),
        (gaps, perHour) => {
          const quota = new HourQuota();
          const drawn: number[] = [];
          let now = 0;
          for (const gap of gaps) {
            now += gap;
            const factor = quota.factor(perHour, now);
            assert.ok(factor >= 0 && factor <= 1);
            if (factor === 0) continue;
            quota.take();
            drawn.push(now);
          }
          for (const end of drawn) assert.ok(drawn.filter((at) => at > end - 3_600_000 && at <= end).length <= perHour);
        },
      ),
    );
  });
});

describe('the end of kept images', () => {
  const DAY = 86_400_000;

  it('an image is removed at the end of its retention, or of a shorter one that was set later', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z');
    const { capture, kept, offer, all } = setUp({ retention_days: 10 }, { now: () => now });
    offer('a', OUT);
    await capture.idle();
    now += 3 * DAY;
    const ends = { remove: capture.remove.bind(capture), forget: capture.forget.bind(capture) };
    const parts = { ...ends, kept, isRemoved: async () => false };
    assert.equal(await sweep({ ...parts, rulesOf: () => undefined }, now), 0);
    const shorter = { retention_days: 2 } as Required<CaptureRules>;
    assert.equal(await sweep({ ...parts, rulesOf: () => shorter }, now), 1);
    assert.deepEqual(await all(), []);
  });

  it('everything of a removed tenant, and files without a record after an hour, are removed', async () => {
    const { capture, kept, offer, objects, all } = setUp({});
    offer('a', OUT);
    await capture.idle();
    objects.objects.set('zoo/orphan', { bytes: Buffer.alloc(1), modified: Date.now() - 2 * 3_600_000 });
    objects.objects.set('zoo/young', { bytes: Buffer.alloc(1), modified: Date.now() });
    const ends = { remove: capture.remove.bind(capture), forget: capture.forget.bind(capture) };
    const parts = { ...ends, kept, rulesOf: () => undefined };
    assert.equal(await sweep({ ...parts, isRemoved: async () => false }, Date.now()), 1);
    assert.deepEqual(
      [...objects.objects.keys()].filter((key) => /orphan|young/.test(key)),
      ['zoo/young'],
    );
    assert.equal((await all()).length, 1);
    await sweep({ ...parts, isRemoved: async () => true }, Date.now());
    assert.deepEqual([await all(), objects.objects.size], [[], 0]);
  });
});
