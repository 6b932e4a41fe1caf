import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import type { StoredCalibration } from '../../src/tenants/calibration/stored.ts';
import { isRecord, type StoredTenant, type TenantRecord } from '../../src/tenants/record.ts';
import type { TenantStore } from '../../src/tenants/store.ts';
import { until } from './service.ts';

export const record = (id: string, version = 1, classes: string[] = ['dog', 'chien', '犬']): TenantRecord => ({
  id,
  version,
  created_at: '2026-01-01T00:00:00.000Z',
  updated_at: '2026-01-01T00:00:00.000Z',
  definition: { classes },
});
/** With numbers that differ in the last digits of a double only. */
const calibration: StoredCalibration = {
  keep: 0.95,
  certain_keep: 0.8,
  score: 'energy',
  version: 7,
  made_at: '2026-01-01T00:00:00.000Z',
  model: { id: 'm@1', name: 'm', version: '1' },
  classes: 'c0ffee',
  images: ['00', '01'],
  scores: {
    ctw: [0.1 + 0.2, 5e-324],
    atd: [1, 0.30000000000000004],
    msp: [1 / 3, 2 / 3],
    max_logit: [27.123456789012344, -1e-17],
    energy: [29.000000000000004, 29],
    mcm: [0.1, 0.2],
  },
};
const tombstone = (id: string, version: number) => ({ id, version, deleted_at: '2026-01-02T00:00:00.000Z' });
const versions = (records: StoredTenant[]) => records.map((r) => [r.id, r.version]).sort();

/** Operations on a kind of store that the tests need. */
export interface StoreKind {
  /** A place where nothing is yet. `open` opens it, again and again. */
  place(t: TestContext): Promise<{ open(): Promise<TenantStore> }>;
  /** Several processes may write it at once, and be notified of changes. */
  shared: boolean;
}

/** Requirements of every store. One suite, run against each kind. */
export function storeContract({ place, shared }: StoreKind): void {
  it('the store keeps, replaces and removes tenants, also for the next process that opens it', async (t) => {
    const { open } = await place(t);
    const store = await open();
    assert.equal(await store.write(record('zoo'), 0), true);
    assert.equal(await store.write(record('a.b-c_1'), 0), true);
    assert.equal(await store.write(record('zoo', 2), 1), true);
    const again = await open();
    assert.deepEqual(versions(await again.list()), [
      ['a.b-c_1', 1],
      ['zoo', 2],
    ]);
    assert.deepEqual(await again.get('zoo'), record('zoo', 2));
    assert.equal(await again.get('nobody'), undefined);
    assert.equal(await again.write(tombstone('zoo', 3), 2), true);
    assert.deepEqual(versions(await again.list()), [['a.b-c_1', 1]]);
  });

  it('fields that this program does not know stay in the store when a tenant is written', async (t) => {
    const { open } = await place(t);
    const store = await open();
    await store.write({ ...record('zoo'), since_two: { a: [1] } } as TenantRecord, 0);
    assert.equal(await store.write(record('zoo', 2), 1), true);
    assert.deepEqual(await (await open()).get('zoo'), { ...record('zoo', 2), since_two: { a: [1] } });
  });

  it('the record of a removed tenant has the version from which the next one counts', async (t) => {
    const { open } = await place(t);
    const store = await open();
    await store.write(record('zoo'), 0);
    await store.write(tombstone('zoo', 2), 1);
    const left = (await (await open()).get('zoo')) as StoredTenant;
    assert.deepEqual([isRecord(left), left.version], [false, 2]);
    assert.equal(await store.write(record('zoo', 1), 0), false, 'not as if it had never been');
    assert.equal(await store.write(record('zoo', 3), 2), true);
    assert.deepEqual(versions(await store.list()), [['zoo', 3]]);
  });

  it('a write for another version than the stored one changes nothing', async (t) => {
    const { open } = await place(t);
    const store = await open();
    await store.write(record('zoo', 1, ['first']), 0);
    assert.equal(await store.write(record('zoo', 1, ['second']), 0), false);
    assert.equal(await store.write(record('zoo', 3, ['second']), 2), false);
    assert.equal(await store.write(record('other', 3), 2), false);
    assert.deepEqual(await store.get('zoo'), record('zoo', 1, ['first']));
    assert.equal(await store.get('other'), undefined);
  });

  it('of concurrent writers exactly one succeeds for each version', async (t) => {
    const { open } = await place(t);
    const stores = shared ? await Promise.all([open(), open(), open()]) : [await open()];
    await stores[0]?.write(record('zoo'), 0);
    for (let version = 2; version < 8; version++) {
      const won = await Promise.all(
        Array.from({ length: 9 }, (_, i) =>
          (stores[i % stores.length] as TenantStore).write(record('zoo', version, [`writer ${i}`]), version - 1),
        ),
      );
      assert.equal(won.filter(Boolean).length, 1);
      const stored = (await stores[0]?.get('zoo')) as TenantRecord;
      assert.deepEqual(stored.definition.classes, [`writer ${won.indexOf(true)}`]);
    }
  });

  it('every part of a record is stored unchanged', async (t) => {
    const { open } = await place(t);
    const whole: TenantRecord = {
      ...record('zoo', 7),
      definition: {
        classes: ['犬', { name: 'cat', aliases: ['Katze', '"quoted"', "'; drop table x; --", '\\', '🐈'] }, 'cat'],
        templates: ['a {}', 'the "{}"'],
        templates_no: ['no {}'],
        method: 'atd-rescaled',
        limits: { images_per_second: 0.5, concurrent_images: 3 },
      },
      previous: { version: 5, definition: { classes: ['x'] }, calibration: { ...calibration, version: 4 } },
      cancelled: true,
      source: 'zoo.yaml',
      imported: 'abc',
      calibration,
      examples: {
        犬: { model: 'm@1', images: [{ sha256: 'ab', embedding: 'AAB/', added_at: '2026-01-01T00:00:00.000Z' }] },
      },
    };
    await (await open()).write(whole, 0);
    const back = await (await open()).get('zoo');
    assert.equal(JSON.stringify(back), JSON.stringify(whole));
  });

  it('a write of the same version changes fields outside the definition', async (t) => {
    const { open } = await place(t);
    const store = await open();
    await store.write(record('zoo'), 0);
    assert.equal(await store.write({ ...record('zoo'), cancelled: true }, 1), true);
    assert.equal(((await store.get('zoo')) as TenantRecord).cancelled, true);
  });

  it('the first tenant is seeded once', async (t) => {
    const { open } = await place(t);
    const stores = shared ? await Promise.all([open(), open(), open()]) : [await open()];
    const seeded = await Promise.all(stores.map((store) => store.seed(record('demo'))));
    assert.equal(seeded.filter(Boolean).length, 1);
    await stores[0]?.write(tombstone('demo', 2), 1);
    assert.equal(await (await open()).seed(record('demo')), false);
    assert.deepEqual(await stores[0]?.list(), []);
  });

  it('a tenant that existed before the first start is not overwritten by the seed', async (t) => {
    const { open } = await place(t);
    const store = await open();
    await store.write(record('demo', 1, ['mine']), 0);
    assert.equal(await store.seed(record('demo')), false);
    assert.deepEqual(await store.get('demo'), record('demo', 1, ['mine']));
  });

  it('hundreds of tenants can be written at the same time', async (t) => {
    const { open } = await place(t);
    const store = await open();
    const ids = Array.from({ length: 200 }, (_, i) => `t${i}`);
    assert.ok((await Promise.all(ids.map((id) => store.write(record(id), 0)))).every(Boolean));
    assert.deepEqual(versions(await (await open()).list()), ids.map((id) => [id, 1]).sort());
  });

  if (!shared) return;

  it('other processes receive every change, in order of versions', async (t) => {
    const { open } = await place(t);
    const [writer, reader] = [await open(), await open()];
    await writer.write(record('before'), 0);
    const heard: StoredTenant[] = [];
    await reader.list();
    reader.subscribe((stored) => heard.push(stored));
    await writer.write(record('zoo'), 0);
    await writer.write(record('zoo', 2), 1);
    await writer.write(tombstone('zoo', 3), 2);
    await until('the removal is heard of', 5000, () => heard.at(-1)?.version === 3);
    assert.ok(heard.every((stored) => stored.id === 'zoo'));
    const order = heard.map((stored) => stored.version);
    assert.deepEqual(order, [...order].sort());
  });
}
