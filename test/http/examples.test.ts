import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { unpacked } from '../../src/tenants/examples/stored.ts';
import { multipart, type TestApp, testApp } from '../helpers/app.ts';

const URL = '/v1/tenants/demo/classes/dog/examples';
const appFor = async (t: TestContext) => testApp(t, { maxImages: 200, maxBodyBytes: 1_000_000 });
const form = (n: number, from = 0) => multipart(Array.from({ length: n }, (_, i) => ({ data: `picture ${from + i}` })));
const put = ({ app }: TestApp, n: number, { query = '', from = 0, url = URL } = {}) =>
  app.inject({ method: 'PUT', url: url + query, ...form(n, from) });
const list = async ({ app }: TestApp) => (await app.inject(URL)).json();
const tenant = async ({ app }: TestApp) => (await app.inject('/v1/tenants/demo')).json();
const yesOf = async ({ registry }: TestApp, c: number) => {
  const head = await registry.loadHead(registry.resolve('demo').headId);
  return Array.from((head?.yes ?? new Float32Array()).subarray(2 * c, 2 * c + 2));
};

describe('examples of classes', () => {
  it('examples change the yes feature of their class only, as a new version, and leave with it', async (t) => {
    const parts = await appFor(t);
    const [dog, cat] = [await yesOf(parts, 0), await yesOf(parts, 1)];
    const no = (await parts.registry.loadHead(parts.registry.resolve('demo').headId))?.no;
    const made = await put(parts, 5);
    assert.equal(made.statusCode, 200, made.body);
    assert.deepEqual([made.json().tenant_version, made.json().examples.length, made.json().lacking], [2, 5, false]);
    assert.notDeepEqual(await yesOf(parts, 0), dog);
    assert.deepEqual(await yesOf(parts, 1), cat);
    assert.deepEqual((await parts.registry.loadHead(parts.registry.resolve('demo').headId))?.no, no);
    assert.deepEqual((await tenant(parts)).examples, [{ class: 'dog', images: 5 }]);
    assert.equal((await parts.app.inject({ method: 'DELETE', url: URL })).statusCode, 204);
    assert.deepEqual(await yesOf(parts, 0), dog);
    assert.deepEqual([(await tenant(parts)).version, (await tenant(parts)).examples], [3, undefined]);
    await parts.app.inject({ method: 'DELETE', url: URL });
    assert.equal((await tenant(parts)).version, 3, 'there is nothing to remove');
  });

  it('PUT replaces, add=true adds, the same image counts once, and one can be removed', async (t) => {
    const parts = await appFor(t);
    await put(parts, 5);
    await put(parts, 3, { from: 10 });
    assert.equal((await list(parts)).examples.length, 3);
    await put(parts, 4, { from: 12, query: '?add=true' });
    const { examples } = await list(parts);
    assert.equal(examples.length, 6);
    await parts.app.inject({ method: 'DELETE', url: `${URL}?sha256=${examples[0].sha256}` });
    const hashes = (of: { sha256: string }[]) => of.map(({ sha256 }) => sha256);
    assert.deepEqual(hashes((await list(parts)).examples), hashes(examples.slice(1)));
  });

  it('kept are hash and embedding, not the image', async (t) => {
    const parts = await appFor(t);
    await put(parts, 1);
    const stored = parts.registry.get('demo').record.examples?.['dog']?.images[0];
    assert.deepEqual(Object.keys(stored ?? {}).sort(), ['added_at', 'embedding', 'sha256']);
    assert.equal(unpacked(stored?.embedding ?? '').length, 2);
  });

  it('a rollback returns to the examples of the version before', async (t) => {
    const parts = await appFor(t);
    const before = await yesOf(parts, 0);
    await put(parts, 5);
    const five = await yesOf(parts, 0);
    await put(parts, 2);
    await parts.app.inject({ method: 'POST', url: '/v1/tenants/demo/rollback' });
    assert.deepEqual(await yesOf(parts, 0), five);
    await parts.app.inject({ method: 'DELETE', url: URL });
    assert.deepEqual(await yesOf(parts, 0), before);
  });

  it('examples stay when other classes change, and make a calibration stale', async (t) => {
    const parts = await appFor(t);
    await parts.app.inject({ method: 'POST', url: '/v1/tenants/demo/calibration', ...form(30) });
    await put(parts, 5);
    assert.equal((await tenant(parts)).calibration.stale_because, 'classes');
    const dog = await yesOf(parts, 0);
    await parts.app.inject({ method: 'PUT', url: '/v1/tenants/demo', payload: { classes: ['dog', 'whale'] } });
    assert.deepEqual(await yesOf(parts, 0), dog);
    await parts.app.inject({ method: 'PUT', url: '/v1/tenants/demo', payload: { classes: ['cat', 'whale'] } });
    assert.deepEqual(
      [(await tenant(parts)).examples, (await parts.app.inject(URL)).json().code],
      [undefined, 'class_not_found'],
    );
  });

  it('after a change of the model the tenant names the classes whose examples are lacking, until they are sent again', async (t) => {
    const parts = await appFor(t);
    const text = await yesOf(parts, 0);
    await put(parts, 5);
    const shown = await yesOf(parts, 0);
    const { model } = parts;
    await parts.registry.moveTo({ ...model, bundle: { ...model.bundle, wholeId: 'another' } }, { onMoved: () => {} });
    assert.deepEqual((await tenant(parts)).examples, [{ class: 'dog', images: 5, lacking: true }]);
    assert.equal((await list(parts)).lacking, true);
    assert.deepEqual(await yesOf(parts, 0), text);
    const again = await put(parts, 5, { query: '?add=true' });
    assert.deepEqual([again.json().lacking, again.json().examples.length], [false, 5]);
    assert.deepEqual(await yesOf(parts, 0), shown);
  });

  it('a class by examples only has any name, and its text does not count', async (t) => {
    const parts = await appFor(t);
    const classes = ['dog', { name: 'part no. 4711', text: false }];
    const reply = await parts.app.inject({ method: 'PUT', url: '/v1/tenants/demo', payload: { classes } });
    assert.equal(reply.statusCode, 200, reply.body);
    const url = `/v1/tenants/demo/classes/${encodeURIComponent('part no. 4711')}/examples`;
    assert.equal((await put(parts, 3, { url })).statusCode, 200);
    assert.ok(parts.builder.built.includes('yes:object'));
    assert.ok(!parts.builder.built.some((text) => text.includes('4711')));
    const aliased = [{ name: 'a', text: false, aliases: ['b'] }];
    const refused = await parts.app.inject({ method: 'PUT', url: '/v1/tenants/demo', payload: { classes: aliased } });
    assert.equal(refused.json().code, 'invalid_request');
  });

  it('an unknown class, too many examples, no usable image and a model without directions have their codes', async (t) => {
    const parts = await appFor(t);
    const code = async (reply: ReturnType<typeof put>) => (await reply).json().code;
    assert.equal(await code(put(parts, 1, { url: '/v1/tenants/demo/classes/whale/examples' })), 'class_not_found');
    assert.equal(await code(put(parts, 101)), 'too_many_images');
    assert.equal((await put(parts, 100)).statusCode, 200);
    assert.equal(await code(put(parts, 1, { from: 500, query: '?add=true' })), 'too_many_images');
    const bad = multipart([{ data: 'BAD' }]);
    assert.equal((await parts.app.inject({ method: 'PUT', url: URL, ...bad })).json().code, 'no_image');
    const { imageDirections: _, ...bundle } = parts.model.bundle;
    await parts.registry.moveTo({ ...parts.model, bundle }, { onMoved: () => {} });
    assert.equal(await code(put(parts, 1)), 'examples_unsupported');
  });
});
