import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FileKeyStore, type KeyRecord, type KeyStore } from '../../src/access/index.ts';
import { keyRecord } from '../helpers/access.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { until } from '../helpers/service.ts';

/** What every store of keys does. `open` gives stores over one place: two processes with the same data. */
function contract(name: string, place: (t: TestContext) => Promise<() => Promise<KeyStore>>) {
  describe(`${name} as a store of keys`, () => {
    const openTwo = async (t: TestContext) => {
      const open = await place(t);
      const stores = [await open(), await open()] as const;
      t.after(() => Promise.all(stores.map((s) => s.close())));
      return stores;
    };

    it('keeps keys to the letter; another process sees them', async (t) => {
      const [a, b] = await openTwo(t);
      assert.deepEqual(await a.list(), { keys: [], damaged: [] });
      const limits = { images_per_second: 2.5, concurrent_requests: 3, tenants: 0, classes: 10 };
      const one = keyRecord({ name: 'schlüssel "eins"', limits, scopes: ['detect:a', 'manage:b-*'] });
      const two = keyRecord({ expires_at: '2030-01-01T00:00:00.000Z' });
      await a.add(one);
      await b.add(two);
      const byId = (x: KeyRecord, y: KeyRecord) => (x.id < y.id ? -1 : 1);
      assert.deepEqual((await a.list()).keys.sort(byId), [one, two].sort(byId));
    });

    it('revokes once: the first time stays', async (t) => {
      const [a, b] = await openTwo(t);
      const key = keyRecord();
      await a.add(key);
      const first = await b.revoke(key.id, '2026-02-02T00:00:00.000Z');
      assert.deepEqual(first, { record: { ...key, revoked_at: '2026-02-02T00:00:00.000Z' }, changed: true });
      const again = await a.revoke(key.id, '2026-03-03T00:00:00.000Z');
      assert.deepEqual(again, { record: first?.record, changed: false });
      assert.deepEqual((await a.list()).keys, [first?.record]);
      for (const unknown of ['0000000000', '', '../../etc/x', "'; drop table"])
        assert.equal(await a.revoke(unknown, '2026-03-03T00:00:00.000Z'), undefined);
    });

    it('notes the latest use, from whoever notes it', async (t) => {
      const [a, b] = await openTwo(t);
      const [x, y] = [keyRecord(), keyRecord()];
      await a.add(x);
      await a.add(y);
      await a.noteUsed(new Map([[x.id, '2026-02-02T00:00:00.000Z']]));
      await b.noteUsed(
        new Map([
          [x.id, '2026-01-01T00:00:00.000Z'],
          [y.id, '2026-03-03T00:00:00.000Z'],
        ]),
      );
      assert.deepEqual(
        await a.lastUsed(),
        new Map([
          [x.id, '2026-02-02T00:00:00.000Z'],
          [y.id, '2026-03-03T00:00:00.000Z'],
        ]),
      );
    });

    it('tells of changes by others, again after what it calls has failed', async (t) => {
      const [a, b] = await openTwo(t);
      const seen: number[] = [];
      let failures = 0;
      a.watch(async () => {
        const { keys } = await a.list();
        if (keys.length === 2 && failures++ === 0) throw new Error('not now');
        seen.push(keys.filter((k) => k.revoked_at === null).length);
      });
      const key = keyRecord();
      await b.add(key);
      await until('one key is seen', 5000, () => seen.at(-1) === 1);
      await b.add(keyRecord());
      await until('two keys are seen', 5000, () => seen.at(-1) === 2);
      assert.ok(failures > 0);
      await b.revoke(key.id, '2026-02-02T00:00:00.000Z');
      await until('the revocation is seen', 5000, () => seen.at(-1) === 1);
    });
  });
}

contract('the directory', async (t) => {
  const dir = await temporaryDirectory(t);
  return () => FileKeyStore.open(dir);
});

describe('damaged key files', () => {
  it('are told of and stay where they are; the others are read', async (t) => {
    const dir = await temporaryDirectory(t);
    const store = await FileKeyStore.open(dir);
    const keys = join(dir, 'access', 'keys');
    const good = keyRecord();
    await store.add(good);
    const renamed = keyRecord();
    const bad: Record<string, string> = {
      'half.json': JSON.stringify(good).slice(0, 60),
      'empty.json': '',
      'scope.json': JSON.stringify(keyRecord({ scopes: ['root'] })),
      'extra.json': JSON.stringify({ ...keyRecord(), admin: true }),
      'other.json': JSON.stringify(renamed),
    };
    for (const [name, text] of Object.entries(bad)) await writeFile(join(keys, name), text);
    await mkdir(join(keys, 'folder.json'));
    await writeFile(join(keys, `.${good.id}.json.abc.tmp`), 'half');
    const { keys: read, damaged } = await store.list();
    assert.deepEqual(read, [good]);
    assert.equal(damaged.length, 6);
    for (const { source, reason } of damaged) {
      assert.ok(source.startsWith(keys));
      assert.ok(reason.length > 3);
    }
    assert.equal((await readdir(keys)).length, 8);
    assert.equal(await store.revoke('0123456789', '2026-01-01T00:00:00.000Z'), undefined);
  });
});
