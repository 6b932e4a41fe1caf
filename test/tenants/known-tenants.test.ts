import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TenantBuilds } from '../../src/tenants/builds.ts';
import { KnownTenants } from '../../src/tenants/known-tenants.ts';
import type { TenantRecord } from '../../src/tenants/record.ts';

const BUILDS = { begin() {}, async cancel() {}, retire() {}, stop() {} } as unknown as TenantBuilds;
const AT = '2026-01-01T00:00:00.000Z';

const record = (id: string, version: number): TenantRecord => ({
  id,
  version,
  created_at: AT,
  updated_at: AT,
  definition: { classes: ['dog'] },
});
const removed = (id: string, version: number) => ({ id, version, deleted_at: AT });

describe('known tenants', () => {
  it('a late notification of an earlier version does not bring back a removed tenant, a later version does', () => {
    const known = new KnownTenants(BUILDS);
    known.apply(record('zoo', 1));
    known.apply(removed('zoo', 3));
    known.apply(record('zoo', 2));
    assert.deepEqual([...known.all.keys()], []);
    known.apply(record('zoo', 4));
    assert.deepEqual([...known.all.keys()], ['zoo']);
  });

  it('listeners learn of a removal, and of a new tenant of the same name whose removal this process has missed', () => {
    const known = new KnownTenants(BUILDS);
    const heard: string[][] = [[], []];
    for (const list of heard) known.watchRemovals((id, how) => list.push(`${id} ${how}`));
    known.apply(record('zoo', 1));
    known.apply({ ...record('zoo', 2), updated_at: '2026-01-02T00:00:00.000Z' });
    assert.deepEqual(heard, [[], []]);
    known.apply({ ...record('zoo', 5), created_at: '2026-01-03T00:00:00.000Z' });
    known.apply(removed('zoo', 6));
    known.apply(removed('never seen', 1));
    const expected = ['zoo replaced', 'zoo removed', 'never seen removed'];
    assert.deepEqual(heard, [expected, expected]);
  });

  it('the versions of the newest 10,000 removed tenants are remembered, and memory does not grow with those before', () => {
    const known = new KnownTenants(BUILDS);
    known.apply(removed('removed again', 2));
    for (let i = 0; i < 10_000; i++) known.apply(removed(`t${i}`, 2));
    known.apply(removed('removed again', 3));
    for (const id of ['t0', 't1', 't9999', 'removed again']) known.apply(record(id, 1));
    assert.deepEqual([...known.all.keys()], ['t0']);
  });
});
