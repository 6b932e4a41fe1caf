import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TenantModel } from '../../src/tenants/heads.ts';
import { FakeBuilder, FakeHeads, fakeRegistry, MemoryCache } from '../helpers/tenants.ts';

function another() {
  const builder = new FakeBuilder();
  const heads = new FakeHeads();
  const model: TenantModel = {
    bundle: {
      id: 'n@2',
      wholeId: 'n@2',
      name: 'next',
      version: '2',
      embeddingDim: 2,
      templates: { yes: ['a {}'], no: null },
    },
    cache: new MemoryCache(2),
    features: builder,
    heads,
    unknownWords: () => [],
    cutNames: () => [],
  };
  return { builder, heads, model };
}

describe('moving tenants to another model', () => {
  it('tenants move to another model all at once, and the old heads stay until they are dropped', async () => {
    const { registry, heads: before } = fakeRegistry();
    for (const id of ['a', 'b', 'c']) await registry.put(id, { classes: [id, 'dog'] }, { waitMs: 60_000 });
    const { model, heads, builder } = another();
    const progress: string[] = [];
    const old = await registry.moveTo(model, {
      onProgress: (ready, total) => {
        progress.push(`${ready}/${total}`);
        assert.equal(registry.resolve('a').model.name, 'fake');
      },
      onMoved: () => {
        for (const id of ['a', 'b', 'c']) assert.equal(registry.resolve(id).model.name, 'next');
      },
    });
    assert.deepEqual(progress, ['0/3', '1/3', '2/3', '3/3']);
    assert.equal(builder.built.length, 8, 'a name that two tenants have is encoded once');
    assert.ok(heads.heads.has(registry.resolve('b').headId));
    assert.equal(old.length, 3);
    assert.ok(old.every((id) => before.heads.has(id)));
    await registry.dropHeads(old);
    assert.equal(before.heads.size, 0);
    await registry.put('d', { classes: ['owl'] }, { waitMs: 60_000 });
    assert.deepEqual(registry.resolve('d').model, { name: 'next', version: '2' });
  });

  it('tenants that change or are being built during a move are moved too', async () => {
    const { registry, builder: slow, heads: before } = fakeRegistry();
    for (const id of ['a', 'b']) await registry.put(id, { classes: [id, 'dog'] }, { waitMs: 60_000 });
    const { model, heads, builder } = another();
    builder.delayMs = 5;
    slow.delayMs = 30;
    const moving = registry.moveTo(model, { onMoved: () => {} });
    const building = registry.put('late', { classes: ['x', 'y', 'z'] }, { waitMs: 60_000 });
    await registry.put('a', { classes: ['changed'] }, { waitMs: 60_000 });
    await registry.delete('b');
    const old = await moving;
    await building;
    assert.deepEqual(registry.resolve('a').classes, ['changed']);
    for (const id of ['a', 'late']) {
      assert.equal(registry.resolve(id).model.name, 'next', id);
      assert.ok(heads.heads.has(registry.resolve(id).headId), id);
    }
    assert.throws(() => registry.resolve('b'));
    await registry.dropHeads(old);
    assert.deepEqual([...heads.heads.keys()].sort(), ['a', 'late'].map((id) => registry.resolve(id).headId).sort());
    assert.ok(
      [...before.heads.keys()].every((id) => !id.startsWith('late')),
      'nothing is left in the old engine',
    );
  });

  it('a move changes nothing when one head cannot be made, and names the tenant', async () => {
    const { registry } = fakeRegistry();
    for (const id of ['a', 'b']) await registry.put(id, { classes: [id] }, { waitMs: 60_000 });
    await registry.put('own', { classes: ['x'], templates: ['my {}'] }, { waitMs: 60_000 });
    const { model, heads } = another();
    const paired = { ...model, bundle: { ...model.bundle, templates: { yes: ['a {}'], no: ['no {}'] } } };
    await assert.rejects(registry.moveTo(paired, { onMoved: () => assert.fail() }), /Tenant "own"/);
    assert.equal(registry.resolve('a').model.name, 'fake');
    assert.equal(heads.heads.size, 0);
  });
});
