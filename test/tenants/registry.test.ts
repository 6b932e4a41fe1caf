import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Head } from '../../src/engine/index.ts';
import { ServiceError } from '../../src/errors/index.ts';
import { etagOf } from '../../src/tenants/record.ts';
import { until } from '../helpers/service.ts';
import { fakeRegistry, MemoryStore } from '../helpers/tenants.ts';

const wait = { waitMs: 60_000 };

describe('tenant registry', () => {
  it('the registry stores, builds and serves a tenant; the same definition again changes nothing', async () => {
    const { registry, store, builder, heads } = fakeRegistry();
    const made = await registry.put('zoo', { classes: ['dog', 'cat'], method: 'atd' }, wait);
    assert.deepEqual([made.created, made.changed, made.view.state, made.view.servingVersion], [true, true, 'ready', 1]);
    const serving = registry.resolve('zoo');
    assert.deepEqual([serving.classes, serving.method, serving.version], [['dog', 'cat'], 'atd', 1]);
    const head = heads.heads.get(serving.headId);
    assert.deepEqual([head?.yes, head?.no], [Float32Array.of(3, 1, 3, 1), Float32Array.of(3, -1, 3, -1)]);
    assert.equal(store.records.get('zoo')?.version, 1);

    const same = await registry.put('zoo', { method: 'atd', classes: ['dog', 'cat'] }, wait);
    assert.deepEqual([same.created, same.changed, same.view.record.version], [false, false, 1]);
    assert.equal(registry.resolve('zoo').headId, serving.headId);
    assert.equal(builder.built.length, 4);
  });

  it('old features serve until the new ones are complete, and the old head stays for requests in progress', async () => {
    const { registry, builder, heads } = fakeRegistry();
    await registry.put('zoo', { classes: ['dog'] }, wait);
    const old = registry.resolve('zoo');
    const release = builder.hold(1);
    const put = await registry.put('zoo', { classes: ['dog', 'cat', 'bird'] }, { waitMs: 0 });
    assert.deepEqual([put.view.state, put.view.record.version, put.view.servingVersion], ['building', 2, 1]);
    assert.equal(registry.resolve('zoo').headId, old.headId);
    await until('a part is encoded', 5000, () => registry.get('zoo').progress.done > 0);
    const { progress } = registry.get('zoo');
    assert.equal(progress.total, 12);
    assert.ok(progress.done > 0 && progress.done < 12, `${progress.done}`);
    release();
    await registry.put('zoo', { classes: ['dog', 'cat', 'bird'] }, wait);
    assert.equal(registry.resolve('zoo').version, 2);
    assert.ok(heads.heads.has(old.headId));
    await until('the old head is removed after the grace', 5000, () => !heads.heads.has(old.headId));
  });

  it('features are shared between tenants and computed once per name', async () => {
    const { registry, builder } = fakeRegistry();
    await registry.put('a', { classes: ['dog', 'dog', 'cat'] }, wait);
    assert.deepEqual(builder.built.sort(), ['no:cat', 'no:dog', 'yes:cat', 'yes:dog']);
    await registry.put('b', { classes: ['cat', 'bird'] }, wait);
    assert.deepEqual(builder.built.slice(4).sort(), ['no:bird', 'yes:bird']);
    assert.deepEqual(registry.resolve('a').classes, ['dog', 'dog', 'cat'], 'duplicates are not merged');
    await registry.put('c', { classes: ['cat'], templates: ['one {}'] }, wait);
    assert.equal(builder.built.length, 8, 'other templates are other features');
  });

  it('a newer definition replaces a build in progress', async () => {
    const { registry, builder } = fakeRegistry();
    builder.delayMs = 20;
    const first = registry.put('zoo', { classes: Array.from({ length: 50 }, (_, i) => `n${i}`) }, { waitMs: 0 });
    await first;
    builder.delayMs = 0;
    const second = await registry.put('zoo', { classes: ['dog'] }, wait);
    assert.deepEqual([second.view.state, second.view.record.version], ['ready', 2]);
    assert.deepEqual(registry.resolve('zoo').classes, ['dog']);
  });

  it('with many writers every acknowledged version is distinct, and the last one serves', async () => {
    const { registry, store } = fakeRegistry();
    const puts = await Promise.all(
      Array.from({ length: 20 }, (_, i) => registry.put('zoo', { classes: [`c${i}`] }, wait)),
    );
    assert.equal(new Set(puts.map((p) => p.view.etag)).size <= 20, true);
    assert.equal(store.records.get('zoo')?.version, 20);
    assert.deepEqual(registry.resolve('zoo').classes, store.records.get('zoo')?.definition.classes);
  });

  it('a failed build is repeated, and its reason is shown until then', async () => {
    const { registry, builder } = fakeRegistry();
    builder.failures = [new ServiceError('engine_unavailable', 'The text encoder stopped.')];
    const put = await registry.put('zoo', { classes: ['dog'] }, { waitMs: 100 });
    assert.deepEqual([put.view.state, put.view.failure], ['failed', 'The text encoder stopped.']);
    assert.throws(() => registry.resolve('zoo'), { code: 'tenant_not_ready' });
    assert.deepEqual(registry.counts(), { ready: 0, building: 0, failed: 1, cancelled: 0 });
    await until('it is tried again', 5000, () => registry.get('zoo').state === 'ready');
    await registry.stop();
  });

  it('after a restart all tenants are known at once and serve from the cache', async () => {
    const { registry, store, cache } = fakeRegistry();
    await registry.put('zoo', { classes: ['dog', 'cat'] }, wait);
    await registry.stop();
    const next = fakeRegistry({ store, cache });
    await next.registry.load();
    assert.throws(() => next.registry.resolve('zoo'), { code: 'tenant_not_ready' });
    assert.throws(() => next.registry.resolve('other'), { code: 'tenant_not_found' });
    await next.registry.start();
    assert.deepEqual(next.registry.resolve('zoo').classes, ['dog', 'cat']);
    assert.deepEqual(next.builder.built, []);
  });

  it('the demo tenant is created once and does not return after removal', async () => {
    const { registry, store } = fakeRegistry();
    store.seeded = false;
    await registry.load();
    await registry.start();
    assert.equal(registry.get('demo').state, 'ready');
    await registry.delete('demo');
    const next = fakeRegistry({ store });
    await next.registry.load();
    assert.throws(() => next.registry.get('demo'), { code: 'tenant_not_found' });
  });

  it('preconditions protect a tenant against lost updates', async () => {
    const { registry, store } = fakeRegistry();
    await assert.rejects(registry.put('zoo', { classes: ['a'] }, { ...wait, ifMatch: '*' }), {
      code: 'precondition_failed',
    });
    assert.equal(store.records.size, 0);
    const { view } = await registry.put('zoo', { classes: ['a'] }, { ...wait, ifNoneMatch: '*' });
    await assert.rejects(registry.put('zoo', { classes: ['b'] }, { ...wait, ifNoneMatch: '*' }), {
      code: 'precondition_failed',
    });
    await registry.put('zoo', { classes: ['b'] }, { ...wait, ifMatch: `"x", ${view.etag}` });
    await assert.rejects(registry.put('zoo', { classes: ['c'] }, { ...wait, ifMatch: view.etag }), {
      code: 'precondition_failed',
    });
    await assert.rejects(registry.delete('zoo', { ifMatch: view.etag }), { code: 'precondition_failed' });
    await registry.delete('zoo', { ifMatch: registry.get('zoo').etag });
    const { view: reborn } = await registry.put('zoo', { classes: ['a'] }, wait);
    assert.notEqual(reborn.etag, view.etag, 'a tenant that is made again is another');
    assert.equal(reborn.etag, etagOf(reborn.record));
  });

  it('a deleted tenant is removed at once, its head after the grace time', async () => {
    const { registry, heads } = fakeRegistry();
    await registry.put('zoo', { classes: ['dog'] }, wait);
    const { headId } = registry.resolve('zoo');
    await registry.delete('zoo');
    assert.throws(() => registry.resolve('zoo'), { code: 'tenant_not_found' });
    assert.ok(heads.heads.has(headId));
    await assert.rejects(registry.delete('zoo'), { code: 'tenant_not_found' });
    await until('the head is removed after the grace', 5000, () => !heads.heads.has(headId));
  });

  it('tenants are listed in pages in order of id', async () => {
    const { registry } = fakeRegistry();
    for (const id of ['c', 'a', 'b']) await registry.put(id, { classes: ['dog'] }, wait);
    const first = registry.list({ limit: 2 });
    assert.deepEqual([first.tenants.map((t) => t.record.id), first.next], [['a', 'b'], 'b']);
    const second = registry.list({ limit: 2, after: 'b' });
    assert.deepEqual([second.tenants.map((t) => t.record.id), second.next], [['c'], null]);
  });

  it('an invalid tenant is refused with the place of each fault', async () => {
    const { registry, store } = fakeRegistry({ limits: { maxClasses: 3 } });
    const refused = async (id: string, definition: object, pattern: RegExp) => {
      await assert.rejects(registry.put(id, definition as never, wait), (e: ServiceError) => {
        assert.equal(e.code, 'invalid_request');
        assert.match(JSON.stringify([e.message, e.extra]), pattern);
        return true;
      });
    };
    for (const id of ['', 'UPPER', 'a b', '../x', 'x'.repeat(64), '.hidden', 'ä'])
      await refused(id, { classes: ['dog'] }, /tenant id/);
    await refused('zoo', { classes: ['a', 'b', 'c', 'd'] }, /at most 3/);
    await refused('zoo', { classes: ['a', ' ', 'x'.repeat(257)] }, /\/classes\/1.*\/classes\/2/);
    await refused('zoo', { classes: ['a\u0000b'] }, /control/);
    await refused('zoo', { classes: ['a'], templates: ['no braces'] }, /\/templates\/0/);
    await refused('zoo', { classes: ['a'], templates_no: ['{} and {}'] }, /\/templates_no\/0/);
    assert.equal(store.records.size, 0);
  });

  it('a bundle with paired prompts needs templates in pairs', async () => {
    const paired = {
      id: 'm',
      wholeId: 'm',
      name: 'm',
      version: '1',
      embeddingDim: 2,
      templates: { yes: ['a {}'], no: ['no {}'] },
    };
    const { registry } = fakeRegistry({ bundle: paired });
    await registry.put('zoo', { classes: ['dog'] }, wait);
    await assert.rejects(registry.put('zoo', { classes: ['dog'], templates: ['the {}'] }, wait), {
      code: 'invalid_request',
    });
    await registry.put('zoo', { classes: ['dog'], templates: ['the {}'], templates_no: ['without {}'] }, wait);
  });

  it('the registry warns of words that the model has not learned, of duplicates, and of a single class', () => {
    const { registry } = fakeRegistry();
    const codes = (definition: object) => registry.warnings(definition as never).map((w) => [w.code, w.index]);
    assert.deepEqual(codes({ classes: ['dog', 'cat'] }), []);
    assert.deepEqual(codes({ classes: ['dog', 'zzap gun', 'dog'] }), [
      ['unknown_words', 1],
      ['duplicate_class', 2],
    ]);
    assert.deepEqual(codes({ classes: ['dog'] }), [['single_class', undefined]]);
    assert.deepEqual(codes({ classes: ['dog', 'cat'], templates: ['zzorg {}'] }), [['unknown_words', undefined]]);
  });

  it('the registry warns of truncated class names, and names the alias if that is the truncated text', () => {
    const { registry } = fakeRegistry();
    const long = 'x'.repeat(38);
    const warned = (definition: object) => registry.warnings(definition as never);
    assert.deepEqual(
      warned({ classes: ['dog', long, { name: 'cat', aliases: [`${long}y`] }] }).map((w) => [w.code, w.index, w.class]),
      [
        ['truncated', 1, long],
        ['truncated', 2, 'cat'],
      ],
    );
    assert.match(warned({ classes: ['dog', { name: 'cat', aliases: [long] }] })[0]?.message as string, /"cat", as its/);
    assert.deepEqual(warned({ classes: ['dog', long], templates: ['{}'] }), []);
    assert.equal(warned({ classes: ['dog', 'cat'], templates: ['{}'], templates_no: [`${long} {}`] }).length, 2);
    assert.equal(warned({ classes: Array.from({ length: 300 }, (_, i) => `${long}${i}`) }).length, 100);
  });

  it('a tenant with a text whose feature has no direction fails, and nothing of it is stored', async () => {
    for (const bad of [Number.NaN, 0, Number.POSITIVE_INFINITY]) {
      const { registry, cache, builder, heads } = fakeRegistry();
      const build = builder.build.bind(builder);
      let broken = true;
      builder.build = async (request, options) => {
        const rows = await build(request, options);
        const at = request.names.indexOf('cat');
        if (broken && request.tower === 'no' && at >= 0) rows.fill(bad, 2 * at, 2 * at + 2);
        return rows;
      };
      const { view } = await registry.put('zoo', { classes: ['dog', 'cat'] }, wait);
      assert.equal(view.state, 'failed');
      assert.match(view.failure as string, /no usable feature for "cat"/);
      assert.equal(heads.heads.size, 0);
      assert.throws(() => registry.resolve('zoo'), { code: 'tenant_not_ready' });
      for (const row of cache.rows.values())
        assert.ok(row.every((v) => Number.isFinite(v) && row.some((n) => n !== 0)));
      broken = false;
      await until('built at the next try', 5000, () => registry.get('zoo').state === 'ready');
    }
  });

  it('aliases are averaged into one class, and verdicts have its name', async () => {
    const { registry, heads, builder } = fakeRegistry();
    const classes = [{ name: 'cat', aliases: ['puss', 'cat', 'feline'] }, 'dog'];
    await registry.put('zoo', { classes }, wait);
    const serving = registry.resolve('zoo');
    assert.deepEqual(serving.classes, ['cat', 'dog']);
    assert.deepEqual(builder.built.slice(0, 4), ['yes:cat', 'yes:puss', 'yes:feline', 'yes:dog']);
    // rows are (length, 1), brought to unit length before they are added up
    const unit = (n: number) => [n / Math.hypot(n, 1), 1 / Math.hypot(n, 1)] as const;
    const sum = [unit(3), unit(4), unit(6)].reduce(([x, y], [a, b]) => [x + a, y + b] as const, [0, 0] as const);
    const expected = [sum[0] / Math.hypot(...sum), sum[1] / Math.hypot(...sum)];
    const { yes, classes: names } = heads.heads.get(serving.headId) as Head;
    assert.deepEqual(names, ['cat', 'dog']);
    for (const [i, value] of expected.entries()) assert.ok(Math.abs(value - (yes[i] as number)) < 1e-7);
    assert.deepEqual([...yes.subarray(2)], [3, 1], 'a class of one name is its row, to the bit');
    const same = await registry.put(
      'zoo',
      { classes: [{ name: 'cat', aliases: ['puss', 'feline'] }, { name: 'dog' }] },
      wait,
    );
    assert.equal(same.changed, false, 'another way to write the same');
  });

  it('renaming one of 1,000 classes encodes that class only', async () => {
    const { registry, builder } = fakeRegistry();
    const classes = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
    await registry.put('big', { classes }, wait);
    assert.equal(builder.built.length, 2000);
    builder.built.length = 0;
    await registry.put('big', { classes: classes.with(500, 'another') }, wait);
    assert.deepEqual(builder.built, ['yes:another', 'no:another']);
    builder.built.length = 0;
    await registry.put('big', { classes: classes.toReversed() }, wait);
    await registry.put('big', { classes, method: 'atd' }, wait);
    assert.deepEqual(builder.built, [], 'order and rule are no features');
  });

  it('versions keep increasing when a tenant is removed and created again', async () => {
    const { registry } = fakeRegistry();
    await registry.put('zoo', { classes: ['a'] }, wait);
    await registry.put('zoo', { classes: ['b'] }, wait);
    await registry.delete('zoo');
    const { view, created } = await registry.put('zoo', { classes: ['c'] }, wait);
    assert.deepEqual([created, view.record.version, view.record.previous], [true, 4, undefined]);
  });

  it('after a restart during a build the old version serves at once, and the build continues', async () => {
    const { registry, store, cache, builder } = fakeRegistry();
    await registry.put('zoo', { classes: ['dog', 'cat'] }, wait);
    builder.hold();
    await registry.put('zoo', { classes: ['dog', 'cat', 'bird', 'fish'] }, { waitMs: 0 });
    await registry.stop();
    const next = fakeRegistry({ store, cache });
    const release = next.builder.hold();
    await next.registry.load();
    const started = next.registry.start();
    await until('the build continues', 5000, () => next.builder.running > 0);
    assert.equal(next.registry.resolve('zoo').version, 1);
    release();
    await started;
    assert.equal(next.registry.resolve('zoo').version, 2);
  });

  it('a cancelled build stays cancelled over a restart, and the former version serves again', async () => {
    const { registry, store, cache, builder } = fakeRegistry();
    await registry.put('zoo', { classes: ['dog'] }, wait);
    builder.hold();
    await registry.put('zoo', { classes: ['bird', 'fish'] }, { waitMs: 0 });
    assert.equal((await registry.cancelBuild('zoo')).state, 'cancelled');
    await registry.stop();
    const next = fakeRegistry({ store, cache });
    await next.registry.load();
    await next.registry.start();
    assert.deepEqual([next.registry.get('zoo').state, next.registry.resolve('zoo').version], ['cancelled', 1]);
    assert.deepEqual(next.builder.built, []);
  });

  it('changes of other processes are applied, in any order of notifications', async () => {
    const store = new MemoryStore();
    const [a, b] = [fakeRegistry({ store }), fakeRegistry({ store })];
    await Promise.all([a.registry.load(), b.registry.load()]);
    await a.registry.put('zoo', { classes: ['dog'] }, wait);
    await until('the other one serves it', 2000, () => b.registry.counts().ready === 1);
    const puts = await Promise.all(
      Array.from({ length: 10 }, (_, i) => (i % 2 ? a : b).registry.put('zoo', { classes: [`c${i}`] }, { waitMs: 0 })),
    );
    assert.equal(new Set(puts.map((p) => p.view.record.version)).size, 10, 'every change has a version of its own');
    const last = store.records.get('zoo');
    for (const { registry } of [a, b]) {
      await until('both serve the last', 5000, () => registry.resolve('zoo').version === last?.version);
    }
    await b.registry.delete('zoo');
    await until('gone', 2000, () => a.registry.counts().ready === 0);
    await Promise.all([a.registry.stop(), b.registry.stop()]);
  });

  it('while the store is unreachable nothing changes, and serving tenants continue to serve', async () => {
    const { registry, store } = fakeRegistry();
    await registry.put('zoo', { classes: ['dog'] }, wait);
    store.failure = new ServiceError('store_unavailable', 'gone');
    await assert.rejects(registry.put('zoo', { classes: ['cat'] }, wait), { code: 'store_unavailable' });
    await assert.rejects(registry.delete('zoo'), { code: 'store_unavailable' });
    assert.deepEqual([registry.resolve('zoo').version, registry.get('zoo').record.version], [1, 1]);
  });

  it('a head that the engine has evicted is made again from the cache', async () => {
    const { registry, heads, builder } = fakeRegistry();
    await registry.put('zoo', { classes: ['dog', { name: 'cat', aliases: ['puss'] }] }, wait);
    const { headId } = registry.resolve('zoo');
    builder.built.length = 0;
    assert.deepEqual(await registry.loadHead(headId), heads.heads.get(headId));
    assert.deepEqual(builder.built, []);
    assert.equal(await registry.loadHead('zoo@1.gone'), undefined);
  });
});
