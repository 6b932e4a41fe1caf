import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { AuditEntry, AuditLog, KeyRecord, KeyStore } from '../../src/access/index.ts';
import { keyRecord } from './access.ts';
import { until } from './service.ts';

/** Requirements of every store of keys. `open` gives stores over one place: two processes with the same data. */
export function keyStoreContract(name: string, place: (t: TestContext) => Promise<() => Promise<KeyStore>>) {
  describe(`${name} as a store of keys`, () => {
    const openTwo = async (t: TestContext) => {
      const open = await place(t);
      const stores = [await open(), await open()] as const;
      t.after(() => Promise.all(stores.map((s) => s.close())));
      return stores;
    };

    it('keys are stored unchanged, and another process sees them', async (t) => {
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

    it('a key is revoked once, and the first time stays', async (t) => {
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

    it('fields that a newer program wrote stay when a key is revoked', async (t) => {
      const [a, b] = await openTwo(t);
      await fc.assert(
        fc.asyncProperty(fc.stringMatching(/^[a-z]{3,9}_two$/), fc.jsonValue(), async (field, value) => {
          const key = {
            ...keyRecord({ limits: { tenants: 1, [field]: value } as KeyRecord['limits'] }),
            [field]: value,
          };
          await a.add(key);
          const at = '2026-02-02T00:00:00.000Z';
          const kept = JSON.parse(JSON.stringify({ ...key, revoked_at: at }));
          assert.deepEqual((await b.revoke(key.id, at))?.record, kept);
          const { keys, damaged } = await a.list();
          assert.deepEqual([keys.find((k) => k.id === key.id), damaged], [kept, []]);
        }),
        { numRuns: 10 },
      );
    });

    it('the latest use of a key is stored, from any process', async (t) => {
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

    it('changes by other processes are reported, and again after a failed callback', async (t) => {
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

export function auditEntry(n: number, target = `t${n}`): AuditEntry {
  return {
    at: new Date(1_800_000_000_000 + n).toISOString(),
    actor: { kind: 'key', id: '0123456789', name: 'ключ' },
    action: 'tenant.put',
    target,
    before: n === 0 ? null : n,
    after: n + 1,
    request_id: `r${n}`,
  };
}

export async function readAll(log: AuditLog, limit: number, target?: string) {
  const entries: AuditEntry[] = [];
  let before: string | undefined;
  for (let pages = 0; pages < 1000; pages++) {
    const page = await log.read({ limit, before, target });
    entries.push(...page.entries);
    if (page.next === null) return entries;
    assert.equal(page.entries.length, limit);
    before = page.next;
  }
  throw new Error('the pages have no end');
}

/** Requirements of every audit log. `open` gives logs over one place: two processes with the same data. */
export function auditContract(name: string, place: (t: TestContext) => Promise<() => Promise<AuditLog>>) {
  describe(`${name} as a log of changes`, () => {
    it('the audit log returns every entry, newest first, in pages of any size', async (t) => {
      const log = await (await place(t))();
      for (let n = 0; n < 20; n++) await log.append(auditEntry(n));
      const expected = Array.from({ length: 20 }, (_, n) => auditEntry(19 - n));
      for (const limit of [1, 3, 19, 20, 100]) assert.deepEqual(await readAll(log, limit), expected, String(limit));
    });

    it('the audit log can be read for one target', async (t) => {
      const log = await (await place(t))();
      for (let n = 0; n < 9; n++) await log.append(auditEntry(n, n % 3 === 0 ? 'zoo' : 'other'));
      assert.deepEqual(
        await readAll(log, 2, 'zoo'),
        [6, 3, 0].map((n) => auditEntry(n, 'zoo')),
      );
      assert.deepEqual(await readAll(log, 2, 'nobody'), []);
    });

    it('two processes append to the audit log at once, and a page that was read before stays valid', async (t) => {
      const open = await place(t);
      const [a, b] = [await open(), await open()];
      await a.append(auditEntry(0));
      await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 ? a : b).append(auditEntry(n + 1))));
      const first = await a.read({ limit: 10 });
      await b.append(auditEntry(50));
      const second = await a.read({ limit: 100, before: first.next ?? '' });
      const targets = [...first.entries, ...second.entries].map((e) => e.target);
      assert.equal(new Set(targets).size, 21);
      assert.equal(targets.length, 21);
    });

    it('a cursor that the audit log never returned is refused', async (t) => {
      const log = await (await place(t))();
      await log.append(auditEntry(0));
      for (const before of ['', 'x', '../../x-1', '20260101T000000000Z-x', '1; drop table'])
        await assert.rejects(log.read({ limit: 1, before }), { code: 'invalid_request' });
    });
  });
}
