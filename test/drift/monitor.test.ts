import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DriftMonitor, FileDriftStore } from '../../src/drift/index.ts';
import { MemoryDriftStore } from '../helpers/drift.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

const HOUR = 3_600_000;

function images(
  monitor: DriftMonitor,
  n: number,
  { ood, from = 0.1, to = 0.3 }: { ood: number; from?: number; to?: number },
  tenant = 'zoo',
) {
  for (let i = 0; i < n; i++)
    monitor.record(tenant, {
      ood: i % 100 < ood,
      noProbability: from + ((to - from) * i) / n,
      predicted: ['dog', 'cat', '__proto__'][i % 3] as string,
    });
}

describe('drift of a tenant', () => {
  it('drift without a baseline has the OOD rate only', () => {
    const monitor = new DriftMonitor({ store: new MemoryDriftStore(), windowMs: HOUR });
    images(monitor, 300, { ood: 20 });
    const report = monitor.report('zoo');
    assert.equal(report.images, 300);
    assert.equal(report.oodRate.value, 0.2);
    assert.equal(report.verdict, 'no_baseline');
    assert.equal(monitor.report('nobody').images, 0);
  });

  it('drift is stable while images stay the same and shifted when they change', async () => {
    let now = 0;
    const monitor = new DriftMonitor({ store: new MemoryDriftStore(), windowMs: HOUR, now: () => now });
    images(monitor, 1000, { ood: 10 });
    await monitor.pin('zoo', 7);
    now += 2 * HOUR;
    images(monitor, 1000, { ood: 10 });
    const same = monitor.report('zoo');
    assert.equal(same.images, 1000, 'what is older than the window is forgotten');
    assert.equal(same.verdict, 'stable');
    assert.deepEqual([same.baseline?.tenantVersion, same.baseline?.images], [7, 1000]);
    now += 2 * HOUR;
    images(monitor, 1000, { ood: 60, from: 0.6, to: 0.95 });
    const other = monitor.report('zoo');
    assert.equal(other.verdict, 'shifted');
    assert.ok((other.psi?.noProbability.value ?? 0) > 1);
    assert.ok((other.psi?.predictedClass.value ?? 1) < 0.1, 'the classes are the same');
    assert.ok(other.oodRate.low > (other.baseline?.oodRate.high ?? 1));
  });

  it('classes that were never predicted before are reported as a shift', async () => {
    let now = 0;
    const monitor = new DriftMonitor({ store: new MemoryDriftStore(), windowMs: HOUR, now: () => now });
    for (let i = 0; i < 500; i++) monitor.record('zoo', { ood: false, noProbability: 0.2, predicted: 'dog' });
    await monitor.pin('zoo', 1);
    now += 2 * HOUR;
    for (let i = 0; i < 500; i++) monitor.record('zoo', { ood: false, noProbability: 0.2, predicted: 'fox' });
    const { psi } = monitor.report('zoo');
    assert.ok((psi?.predictedClass.value ?? 0) > 1 && (psi?.noProbability.value ?? 1) < 0.01);
  });

  it('few images give no verdict on drift and no baseline', async () => {
    let now = 0;
    const monitor = new DriftMonitor({ store: new MemoryDriftStore(), windowMs: HOUR, now: () => now });
    images(monitor, 199, { ood: 10 });
    await assert.rejects(monitor.pin('zoo', 1), { code: 'baseline_too_small' });
    images(monitor, 1, { ood: 10 });
    await monitor.pin('zoo', 1);
    now += 2 * HOUR;
    images(monitor, 150, { ood: 90 });
    assert.equal(monitor.report('zoo').verdict, 'few_images');
    await monitor.unpin('zoo');
    assert.equal(monitor.report('zoo').verdict, 'no_baseline');
  });

  it('replicas report drift over the images of all replicas and share the baseline', async () => {
    const store = new MemoryDriftStore('a');
    const a = new DriftMonitor({ store, windowMs: HOUR });
    const b = new DriftMonitor({ store: store.replica('b'), windowMs: HOUR });
    images(a, 150, { ood: 0 });
    images(b, 150, { ood: 100 });
    await a.sync();
    await b.sync();
    await a.sync();
    for (const monitor of [a, b]) {
      assert.equal(monitor.report('zoo').images, 300);
      assert.equal(monitor.report('zoo').oodRate.value, 0.5);
    }
    await b.pin('zoo', 3);
    await a.sync();
    assert.equal(a.report('zoo').baseline?.tenantVersion, 3);
  });

  it('a replica that learns late of a removal drops its own counts, and the new tenant keeps those of others and its baseline', async () => {
    const store = new MemoryDriftStore('a');
    const a = new DriftMonitor({ store, windowMs: HOUR });
    const b = new DriftMonitor({ store: store.replica('b'), windowMs: HOUR });
    images(a, 150, { ood: 0 });
    images(b, 150, { ood: 100 });
    for (const monitor of [a, b, a]) await monitor.sync();
    await a.forget('zoo');
    images(a, 200, { ood: 10 });
    await a.pin('zoo', 7);
    await a.sync();
    await b.drop('zoo');
    await b.sync();
    await a.sync();
    for (const monitor of [a, b]) {
      const { images: n, oodRate, baseline } = monitor.report('zoo');
      assert.deepEqual([n, oodRate.value, baseline?.tenantVersion], [200, 0.1, 7]);
    }
  });

  it('drift survives a restart in files, and damaged files count as missing', async (t) => {
    const dir = await temporaryDirectory(t);
    const first = new DriftMonitor({ store: await FileDriftStore.open(dir), windowMs: HOUR });
    await first.start();
    images(first, 400, { ood: 25 });
    images(first, 400, { ood: 25 }, 'other');
    await first.pin('zoo', 2);
    await first.pin('other', 2);
    await first.stop();
    await writeFile(join(dir, 'drift/other.slots.json'), '{"1": {"images": "many"}}');
    const second = new DriftMonitor({ store: await FileDriftStore.open(dir), windowMs: HOUR });
    await second.start();
    const { images: n, baseline, verdict, oodRate } = second.report('zoo');
    assert.deepEqual([n, baseline?.images, oodRate.value, verdict], [400, 400, 0.25, 'stable']);
    assert.deepEqual([second.report('other').images, second.report('other').baseline?.images], [0, 400]);
    await second.forget('zoo');
    await second.stop();
    const third = new DriftMonitor({ store: await FileDriftStore.open(dir), windowMs: HOUR });
    await third.start();
    assert.equal(third.report('zoo').images, 0);
    await third.stop();
  });

  it('fields that a newer program wrote stay when counts are written again', async (t) => {
    const dir = await temporaryDirectory(t);
    const path = join(dir, 'drift/zoo.slots.json');
    const open = async () =>
      new DriftMonitor({ store: await FileDriftStore.open(dir), windowMs: HOUR, now: () => HOUR });
    const first = await open();
    images(first, 10, { ood: 0 });
    await first.stop();
    const [[slot, counts] = []] = Object.entries(JSON.parse(await readFile(path, 'utf8')));
    assert.ok(slot !== undefined);
    const newer = { [slot]: { ...(counts as object), since_two: [1] }, about: { since: 2 } };
    await writeFile(path, JSON.stringify(newer));
    const second = await open();
    await second.start();
    images(second, 10, { ood: 0 });
    assert.equal(second.report('zoo').images, 20);
    await second.stop();
    const written = JSON.parse(await readFile(path, 'utf8'));
    assert.deepEqual([written.about, written[slot].since_two, written[slot].images], [{ since: 2 }, [1], 20]);
  });
});
