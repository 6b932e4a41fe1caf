import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TenantBuilds } from '../../src/tenants/builds.ts';
import type { TenantHeads } from '../../src/tenants/heads.ts';
import type { BuildLeases } from '../../src/tenants/leases.ts';
import type { Serving, Tenant } from '../../src/tenants/tenant.ts';
import { until } from '../helpers/service.ts';

const serving = (headId: string) => ({ headId, version: 1 }) as Serving;

function pending<T>() {
  let resolve = (_value: T) => {};
  const promise = new Promise<T>((r) => {
    resolve = r;
  });
  return { promise, resolve };
}

describe('builds', () => {
  for (const first of ['made', 'cancelled'] as const) {
    it(`a build that is ${first} at the moment that it is ${first === 'made' ? 'cancelled' : 'made'} does not retire the serving version`, async () => {
      const dropped: string[] = [];
      const made = pending<Serving>();
      const heads = {
        model: { bundle: { id: 'b' } },
        isCached: async () => true,
        make: () => made.promise,
        drop: async (id: string) => void dropped.push(id),
      } as unknown as TenantHeads;
      const builds = new TenantBuilds({ heads, leases: {} as BuildLeases, headGraceMs: 1 });
      const old = { record: { id: 't', version: 2 }, serving: serving('A') } as Tenant;
      builds.begin(old);
      await new Promise((resolve) => setImmediate(resolve));

      // like the registry for the next version: it takes over the serving version, and ends the build
      const next = { record: { id: 't', version: 3 }, serving: old.serving } as Tenant;
      let ended: Promise<void>;
      if (first === 'made') {
        made.resolve(serving('B'));
        ended = builds.cancel(old);
      } else {
        ended = builds.cancel(old);
        made.resolve(serving('B'));
      }
      await ended;
      await until('the unused head is dropped', 5000, () => dropped.includes('B'));
      assert.equal(next.serving?.headId, 'A');
      assert.deepEqual(dropped, ['B'], 'the unused head is removed, the serving one stays');
      builds.stop();
    });
  }
});
