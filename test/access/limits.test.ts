import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVERYBODY, type KeyLimits, Limiter, type Principal, Quotas } from '../../src/access/index.ts';
import { principalOf } from '../../src/access/principal.ts';
import { NO_LIMITS } from '../helpers/access.ts';

const key = (limits: KeyLimits = {}, id = 'k', scopes = ['detect:*', 'manage:*']): Principal =>
  principalOf(id, id, scopes, limits);
const limited = { code: 'rate_limited' };

describe('images per second', () => {
  it('a rate limit holds on average and allows bursts of one second', () => {
    let now = 0;
    const limiter = new Limiter(NO_LIMITS, () => now);
    const principal = key({ images_per_second: 10 });
    let passed = 0;
    for (now = 0; now < 60_000; now += 7) {
      try {
        limiter.take(principal, { id: 'zoo' }, 3);
        passed += 3;
      } catch (error) {
        assert.equal((error as { code: string }).code, 'rate_limited');
      }
    }
    assert.ok(passed >= 600 && passed <= 615, String(passed));
  });

  it("a request larger than one second's allowance passes alone and is paid for afterwards", () => {
    let now = 0;
    const limiter = new Limiter({ ...NO_LIMITS, tenantImagesPerSecond: 10 }, () => now);
    limiter.take(EVERYBODY, { id: 'zoo' }, 64);
    assert.throws(
      () => limiter.check(EVERYBODY, { id: 'zoo' }),
      (e: { code: string; retryAfterSeconds: number }) => {
        assert.deepEqual([e.code, e.retryAfterSeconds], ['rate_limited', 6]);
        return true;
      },
    );
    limiter.take(EVERYBODY, { id: 'other' }, 1);
    now = 5400;
    assert.throws(() => limiter.check(EVERYBODY, { id: 'zoo' }), limited);
    now = 5500;
    limiter.check(EVERYBODY, { id: 'zoo' });
  });

  it('a key has its own limit, else the default, and a tenant the smaller of both', () => {
    const limiter = new Limiter({ ...NO_LIMITS, keyImagesPerSecond: 1, tenantImagesPerSecond: 5 }, () => 0);
    const rate = (p: Principal, id: string, imagesPerSecond?: number) =>
      limiter.headers(p, { id, imagesPerSecond })['ratelimit-policy'];
    assert.equal(rate(key({}, 'a'), 't1'), '"key";q=1;w=1, "tenant";q=5;w=1');
    assert.equal(rate(key({ images_per_second: 100 }, 'b'), 't2', 2), '"key";q=100;w=1, "tenant";q=2;w=1');
    assert.equal(rate(EVERYBODY, 't3', 50), '"tenant";q=5;w=1');
    assert.equal(rate(EVERYBODY, 't4', 0.25), '"tenant";q=1;w=4');
    assert.deepEqual(new Limiter(NO_LIMITS).headers(key(), { id: 'zoo' }), {});
  });

  it('the RateLimit headers give the rest and the time until more', () => {
    let now = 0;
    const limiter = new Limiter(NO_LIMITS, () => now);
    const principal = key({ images_per_second: 4 });
    const left = () => limiter.headers(principal, { id: 'zoo' })['ratelimit'];
    assert.equal(left(), '"key";r=4;t=0');
    limiter.take(principal, { id: 'zoo' }, 3);
    assert.equal(left(), '"key";r=1;t=1');
    limiter.take(principal, { id: 'zoo' }, 12);
    assert.equal(left(), '"key";r=0;t=3');
    now = 3000;
    assert.equal(left(), '"key";r=1;t=1');
  });

  it('a refused request takes nothing from the rate limit and no concurrent place', () => {
    let now = 0;
    const limiter = new Limiter(NO_LIMITS, () => now);
    const zoo = { id: 'zoo', imagesPerSecond: 2, concurrentImages: 3 };
    const principal = key({ images_per_second: 1 });
    const leave = limiter.take(principal, zoo, 1);
    assert.throws(() => limiter.take(principal, zoo, 1), limited);
    assert.match(limiter.headers(principal, zoo)['ratelimit'] ?? '', /"tenant";r=1/);
    leave();
    leave();
    now = 10_000;
    limiter.take(principal, zoo, 3);
    now = 20_000;
    assert.throws(() => limiter.take(principal, zoo, 1), limited, 'three images are inside');
    assert.match(limiter.headers(principal, zoo)['ratelimit'] ?? '', /"key";r=1.*"tenant";r=2/);
  });
});

describe('at once', () => {
  it('a key has a bounded number of concurrent requests, and the next enters when one ends', () => {
    const limiter = new Limiter({ ...NO_LIMITS, keyConcurrentRequests: 2 });
    const [a] = [limiter.enter(key()), limiter.enter(key())];
    assert.throws(() => limiter.enter(key()), limited);
    limiter.enter(key({}, 'another'));
    a?.();
    a?.();
    limiter.enter(key());
    assert.throws(() => limiter.enter(key()), limited, 'leaving twice frees one place');
    limiter.enter(EVERYBODY);
  });
});

describe('quotas', () => {
  const existing =
    (...tenants: [string, number][]) =>
    () =>
      tenants.map(([id, classes]) => ({ id, classes }));
  const write = async () => 'written';

  it('the quota of tenants counts those that the key may manage, created with any key', async () => {
    const quotas = new Quotas();
    const principal = key({ tenants: 2 }, 'k', ['manage:team-*']);
    const have = existing(['team-a', 1], ['team-b', 1], ['zoo', 1]);
    const next = { id: 'team-c', classes: 1 };
    await assert.rejects(quotas.guard(principal, next, have, write), {
      code: 'quota_exceeded',
      retryAfterSeconds: undefined,
    });
    assert.equal(await quotas.guard(principal, { id: 'team-a', classes: 9 }, have, write), 'written');
    assert.equal(await quotas.guard(principal, next, existing(['team-a', 1], ['zoo', 1]), write), 'written');
    assert.equal(await quotas.guard(key(), next, have, write), 'written');
    assert.equal(await quotas.guard(EVERYBODY, next, have, write), 'written');
  });

  it('the quota of classes counts all tenants together, and having fewer classes is always allowed', async () => {
    const quotas = new Quotas();
    const principal = key({ classes: 10 });
    const have = existing(['a', 6], ['b', 4]);
    await assert.rejects(quotas.guard(principal, { id: 'b', classes: 5 }, have, write), { code: 'quota_exceeded' });
    assert.equal(await quotas.guard(principal, { id: 'b', classes: 4 }, have, write), 'written');
    const over = existing(['a', 60], ['b', 4]);
    assert.equal(await quotas.guard(principal, { id: 'a', classes: 50 }, over, write), 'written');
    await assert.rejects(quotas.guard(principal, { id: 'a', classes: 61 }, over, write), { code: 'quota_exceeded' });
  });

  it('two concurrent writes cannot both take the last place of a quota, and a failed one returns it', async () => {
    const quotas = new Quotas();
    const principal = key({ tenants: 1 });
    let fail = () => {};
    const slow = () =>
      new Promise<string>((_, reject) => {
        fail = () => reject(new Error('no'));
      });
    const first = quotas.guard(principal, { id: 'a', classes: 1 }, existing(), slow);
    await assert.rejects(quotas.guard(principal, { id: 'b', classes: 1 }, existing(), write), {
      code: 'quota_exceeded',
    });
    fail();
    await assert.rejects(first, /no/);
    assert.equal(await quotas.guard(principal, { id: 'b', classes: 1 }, existing(), write), 'written');
  });
});
