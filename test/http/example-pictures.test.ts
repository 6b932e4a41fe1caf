import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ExampleRenewal } from '../../src/serving/example-renewal.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { multipart, type TestApp, testApp } from '../helpers/app.ts';
import { shaOf } from '../helpers/reviewed.ts';
import { until } from '../helpers/service.ts';

const CLASS = '/v1/tenants/zoo/classes/dog/examples';
const imageOf = (text: string, url = CLASS) => `${url}/${shaOf(text)}/image`;

/** An app with the tenants zoo and farm, and headers of an administrator. */
async function setUp(t: TestContext) {
  const parts = await testApp(t, {}, { mode: 'keys' });
  for (const id of ['zoo', 'farm']) await parts.registry.put(id, { classes: ['dog', 'cat'] }, { waitMs: 1000 });
  const { headers: admin } = await parts.access.key(['admin']);
  const put = (texts: string[], { query = '?keep=true', url = CLASS } = {}) => {
    const { payload, headers } = multipart(texts.map((data) => ({ data })));
    return parts.app.inject({ method: 'PUT', url: url + query, payload, headers: { ...headers, ...admin } });
  };
  const remove = (url: string) => parts.app.inject({ method: 'DELETE', url, headers: admin });
  const get = (url: string, headers = admin) => parts.app.inject({ url, headers });
  const kept = () => [...parts.capture.exampleObjects.objects.keys()].sort();
  return { ...parts, admin, put, remove, get, kept };
}

const keysOf = (...texts: string[]) => texts.map((text) => `zoo/${shaOf(text)}`).sort();

describe('pictures of examples', () => {
  it('keep=true keeps the bytes as they were sent, and without it none is kept', async (t) => {
    const { put, get, kept } = await setUp(t);
    await put(['a'], { query: '' });
    assert.deepEqual(kept(), []);
    const missing = await get(imageOf('a'));
    assert.deepEqual([missing.statusCode, missing.json().code], [404, 'capture_not_found']);
    const made = await put(['a', 'b'], { query: '?keep=true&add=true' });
    assert.deepEqual(
      made.json().examples.map(({ picture }: { picture: boolean }) => picture),
      [true, true],
      'also of an example that was there without its picture',
    );
    assert.deepEqual(kept(), keysOf('a', 'b'));
    const file = await get(imageOf('b'));
    assert.deepEqual([file.statusCode, file.body, file.headers['content-type']], [200, 'b', 'image/png']);
    assert.equal(file.headers['x-content-type-options'], 'nosniff');
  });

  it('a picture leaves with its example, with PUT in its place, and with the tenant, but not while another class has it', async (t) => {
    const { put, remove, get, kept, registry, capture } = await setUp(t);
    await put(['a', 'b', 'c']);
    await put(['c'], { url: CLASS.replace('dog', 'cat') });
    await remove(`${CLASS}?sha256=${shaOf('a')}`);
    assert.deepEqual(kept(), keysOf('b', 'c'));
    assert.equal((await get(imageOf('a'))).statusCode, 404);
    await put(['d']);
    assert.deepEqual(kept(), keysOf('c', 'd'));
    let forgotten: Promise<void> | undefined;
    registry.watchRemovals((id) => {
      forgotten = capture.pictures.forget(id);
    });
    await registry.delete('zoo');
    await forgotten;
    assert.deepEqual(kept(), []);
  });

  it('a picture needs the scope review of its tenant; no other tenant has it', async (t) => {
    const { put, get, access } = await setUp(t);
    await put(['a']);
    const status = async (scope: string, url = imageOf('a')) =>
      (await get(url, (await access.key([scope as never])).headers)).statusCode;
    assert.equal(await status('review:zoo'), 200);
    for (const scope of ['manage:zoo', 'detect:zoo', 'review:farm']) assert.equal(await status(scope), 403, scope);
    assert.equal(await status('review:farm', imageOf('a', CLASS.replace('zoo', 'farm'))), 404);
    assert.equal((await get(imageOf('a'), {} as never)).statusCode, 401);
  });

  it('a store that fails refuses the examples with 503, and nothing changes', async (t) => {
    const { put, capture, registry, remove, kept } = await setUp(t);
    await put(['a']);
    const { version } = registry.get('zoo').record;
    capture.exampleObjects.failure = new Error('no space left');
    const refused = await put(['b']);
    assert.deepEqual([refused.statusCode, refused.json().code], [503, 'store_unavailable']);
    assert.equal(registry.get('zoo').record.version, version);
    const removed = await remove(CLASS);
    assert.deepEqual([removed.statusCode, removed.json().code], [503, 'store_unavailable']);
    assert.equal(registry.get('zoo').record.examples?.['dog'], undefined, 'the example itself is removed');
    capture.exampleObjects.failure = undefined;
    const later = Date.now() + 2 * 3_600_000;
    await capture.pictures.sweep(async () => undefined, later);
    assert.deepEqual(kept(), keysOf('a'), 'of a tenant that is not known here');
    await capture.pictures.sweep(async () => registry.get('zoo').record.examples ?? {}, later);
    assert.deepEqual(kept(), []);
  });

  it('an import keeps the pictures of examples that the tenant has already; a file has none', async (t) => {
    const { put, get, registry, app, admin } = await setUp(t);
    await put(['a', 'b']);
    const { examples } = registry.get('zoo').record;
    const file = await get('/v1/tenants/zoo/export');
    assert.doesNotMatch(file.rawPayload.toString('latin1'), /"picture"/);
    assert.match(file.rawPayload.toString('latin1'), new RegExp(shaOf('a')));
    assert.deepEqual(registry.get('zoo').record.examples, examples);
    assert.equal((await app.inject({ url: imageOf('b'), headers: admin })).body, 'b');
  });
});

describe('another model', () => {
  const moved = async ({ model, registry }: TestApp) =>
    registry.moveTo({ ...model, bundle: { ...model.bundle, wholeId: 'another' } }, { onMoved: () => {} });
  const yesOf = async ({ registry }: TestApp) => {
    const head = await registry.loadHead(registry.resolve('zoo').headId);
    return Array.from((head?.yes ?? new Float32Array()).subarray(0, 2));
  };
  const renewalOf = ({ registry, capture, engine }: TestApp) => {
    const logger = createLogger({ level: 'silent', destination: { write: () => {} } });
    const { pictures } = capture;
    return new ExampleRenewal({ tenants: registry, pictures, engine: engine as never, logger });
  };

  it('embeds examples with pictures again, and a class of which one is lacking stays named', async (t) => {
    const parts = await setUp(t);
    await parts.put(['a', 'b', 'c']);
    await parts.put(['d'], { url: CLASS.replace('dog', 'cat') });
    await parts.put(['e'], { url: CLASS.replace('dog', 'cat'), query: '?add=true' });
    const shown = await yesOf(parts);
    await moved(parts);
    assert.notDeepEqual(await yesOf(parts), shown);
    const renewal = renewalOf(parts);
    renewal.start();
    await renewal.idle();
    assert.deepEqual(parts.registry.examples('zoo'), [
      { class: 'dog', images: 3 },
      { class: 'cat', images: 2, lacking: true },
    ]);
    // this engine embeds as before
    await until('the head is built', 10_000, async () => String(await yesOf(parts)) === String(shown));
    assert.equal(parts.registry.get('zoo').record.examples?.['dog']?.model, 'another');
    assert.deepEqual(
      parts.engine.requests.slice(-3).map(({ uncounted, embedding }) => [uncounted, embedding]),
      Array(3).fill([true, true]),
    );
    const { version } = parts.registry.get('zoo').record;
    renewal.start();
    await renewal.stop();
    assert.equal(parts.registry.get('zoo').record.version, version, 'a second run changes nothing');
  });

  it('leaves examples lacking whose pictures are missing or cannot be embedded', async (t) => {
    const parts = await setUp(t);
    await parts.put(['a', 'b']);
    await parts.put(['c'], { url: CLASS.replace('zoo', 'farm') });
    parts.capture.exampleObjects.objects.delete(`zoo/${shaOf('b')}`);
    await parts.capture.exampleObjects.put(`farm/${shaOf('c')}`, Buffer.from('BAD'));
    await moved(parts);
    const renewal = renewalOf(parts);
    renewal.start();
    await renewal.stop();
    for (const id of ['zoo', 'farm']) assert.equal(parts.registry.examples(id)[0]?.lacking, true);
  });
});
