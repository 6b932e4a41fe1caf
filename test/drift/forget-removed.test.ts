import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DriftMonitor } from '../../src/drift/index.ts';
import { LooksLikeCounts } from '../../src/looks/index.ts';
import { forgetRemoved } from '../../src/serving/forget-removed.ts';
import { WatchedDirectory } from '../../src/tenants/files/watched-directory.ts';
import { MemoryDriftStore } from '../helpers/drift.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { until } from '../helpers/service.ts';
import { fakeRegistry } from '../helpers/tenants.ts';

const WINDOW_MS = 3_600_000;
const VERDICT = { ood: true, noProbability: 0.9, predicted: 'dog' };

async function setUp(store = new MemoryDriftStore()) {
  const { registry, store: tenants } = fakeRegistry();
  await registry.load();
  const drift = new DriftMonitor({ store, windowMs: WINDOW_MS });
  await drift.start();
  const looks = new LooksLikeCounts();
  const problems: unknown[] = [];
  const open = () => forgetRemoved({ tenants: registry, drift, looks, onProblem: (error) => problems.push(error) });
  return { registry, tenants, store, drift, looks, problems, open };
}

describe('counts of removed tenants', () => {
  it('a tenant whose file leaves the watched directory and comes back starts from zero, without its baseline', async (t) => {
    const { registry, store, drift, looks, problems, open } = await setUp();
    open();
    const directory = join(await temporaryDirectory(t), 'tenants');
    await mkdir(directory);
    const file = join(directory, 'zoo.yaml');
    const write = () => writeFile(file, 'classes: [dog, cat]\n');
    await write();
    const watched = new WatchedDirectory({ directory, registry, log: () => {}, recorded: () => async () => {} });
    await watched.start();
    t.after(() => watched.stop());
    const { version } = registry.get('zoo').record;
    for (let i = 0; i < 300; i++) drift.record('zoo', VERDICT);
    await drift.pin('zoo', version);
    await drift.sync();
    looks.offer({ tenant: 'zoo', version, look: async () => [] });
    assert.equal(looks.report('zoo', version).length, 1);
    await writeFile(join(directory, 'other.yaml'), 'classes: [ship]\n');
    await rm(file);
    await until('the tenant is removed', 5000, () => registry.definitionOf('zoo') === undefined);
    await until('the counts are removed', 5000, async () => !(await store.readAll()).has('zoo'));
    await write();
    await until('the tenant is back', 5000, () => registry.definitionOf('zoo') !== undefined);
    const { images, baseline } = drift.report('zoo');
    assert.deepEqual([images, baseline, looks.report('zoo', version)], [0, undefined, []]);
    assert.deepEqual(problems, []);
  });

  it('counts of a tenant that was removed while the process did not run are removed at the start, others stay', async () => {
    const store = new MemoryDriftStore('before');
    for (const tenant of ['zoo', 'gone']) await store.writeSlots(tenant, {});
    const { registry, drift, open } = await setUp(store);
    await registry.put('zoo', { classes: ['dog'] }, { waitMs: 0 });
    open();
    await drift.sync();
    assert.deepEqual([...(await store.readAll()).keys()], ['zoo']);
  });

  it('another replica drops its counts of a tenant that was removed and created again before it learned of it', async () => {
    const { registry, tenants, store, drift, open } = await setUp();
    open();
    await registry.put('zoo', { classes: ['dog'] }, { waitMs: 0 });
    drift.record('zoo', VERDICT);
    await drift.sync();
    const old = registry.get('zoo').record;
    const next = { ...old, version: old.version + 2, created_at: new Date(0).toISOString() };
    await tenants.write(next, old.version);
    await until('the new tenant is known', 5000, () => registry.get('zoo').record.version === next.version);
    await drift.sync();
    assert.equal(drift.report('zoo').images, 0);
    assert.deepEqual((await store.readAll()).get('zoo')?.own, {});
  });
});
