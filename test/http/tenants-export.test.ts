import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ARCHIVE_TYPE, decodeArchive, encodeArchive } from '../../src/tenants/archive.ts';
import { testApp } from '../helpers/app.ts';

const put = (id: string, classes: unknown[]) => ({
  method: 'PUT' as const,
  url: `/v1/tenants/${id}`,
  payload: { classes },
});
const importOf = (id: string, payload: Buffer, headers: Record<string, string> = {}) => ({
  method: 'POST' as const,
  url: `/v1/tenants/${id}/import`,
  payload,
  headers: { 'content-type': ARCHIVE_TYPE, ...headers },
});

/** The made-up features of these tests are not of unit length; an exported file must be. */
function exported(change: Partial<ReturnType<typeof decodeArchive>> = {}): Buffer {
  return encodeArchive({
    tenant: 'zoo',
    version: 3,
    exported_at: '2026-01-01T00:00:00.000Z',
    definition: { classes: ['lion', { name: 'cat', aliases: ['puss'] }], method: 'atd' },
    bundle: 'm@1+abc',
    width: 2,
    texts: ['lion', 'cat', 'puss'],
    rows: { yes: Float32Array.of(1, 0, 0, 1, 0.6, 0.8), no: Float32Array.of(0, 1, 1, 0, 0.8, -0.6) },
    ...change,
  });
}

describe('export and import', () => {
  it('a tenant is exported as one file with its features', async (t) => {
    const { app, builder } = await testApp(t);
    await app.inject(put('zoo', ['dog', { name: 'cat', aliases: ['puss'] }]));
    const file = await app.inject('/v1/tenants/zoo/export');
    assert.equal(file.headers['content-type'], ARCHIVE_TYPE);
    assert.match(String(file.headers['content-disposition']), /filename="zoo\.clipn-tenant"/);
    const line = JSON.parse(file.rawPayload.toString('utf8', 0, file.rawPayload.indexOf('\n')));
    assert.deepEqual([line.tenant, line.version, line.texts], ['zoo', 1, ['dog', 'cat', 'puss']]);
    assert.deepEqual(line.definition, { classes: ['dog', { name: 'cat', aliases: ['puss'] }] });
    builder.hold();
    await app.inject({ ...put('zoo', ['slow']), headers: { prefer: 'respond-async' } });
    assert.equal((await app.inject('/v1/tenants/zoo/export')).json().code, 'tenant_not_ready');
    assert.equal((await app.inject('/v1/tenants/nobody/export')).json().code, 'tenant_not_found');
  });

  it('an import with the same bundle encodes nothing, and its export equals the file', async (t) => {
    const { app, builder, registry } = await testApp(t);
    builder.built.length = 0;
    const made = await app.inject(importOf('mine', exported()));
    assert.deepEqual([made.statusCode, made.json().state, made.json().definition.method], [201, 'ready', 'atd']);
    assert.deepEqual(builder.built, []);
    assert.deepEqual(registry.resolve('mine').classes, ['lion', 'cat']);
    const again = decodeArchive((await app.inject('/v1/tenants/mine/export')).rawPayload);
    const { rows, texts, definition } = decodeArchive(exported());
    assert.deepEqual([again.rows, again.texts, again.definition], [rows, texts, definition]);
    const same = await app.inject(importOf('mine', exported()));
    assert.deepEqual([same.statusCode, same.json().version], [200, 1], 'the same again changes nothing');
  });

  it('features of an imported file are used for that tenant only', async (t) => {
    const { app, builder } = await testApp(t);
    await app.inject(importOf('mine', exported()));
    builder.built.length = 0;
    await app.inject(put('other', ['lion']));
    assert.deepEqual(builder.built, ['yes:lion', 'no:lion']);
    builder.built.length = 0;
    await app.inject(put('mine', ['lion', 'puss', 'wolf']));
    assert.deepEqual(builder.built, ['yes:wolf', 'no:wolf'], 'it keeps them when it changes');
  });

  it('an import with another bundle builds the features again', async (t) => {
    const { app, builder } = await testApp(t);
    builder.built.length = 0;
    const made = await app.inject(importOf('mine', exported({ bundle: 'another@1' })));
    assert.deepEqual([made.statusCode, made.json().state], [201, 'ready']);
    const built = ['yes:lion', 'yes:puss', 'no:lion', 'no:puss'];
    assert.deepEqual(builder.built, built, 'cat was known here already');
  });

  it('an import of a changed, truncated or foreign file is refused', async (t) => {
    const { app, registry } = await testApp(t);
    const file = exported();
    for (let at = 0; at < file.length; at += 7) {
      const bad = Buffer.from(file);
      bad[at] = (bad[at] as number) ^ 0x20;
      const refused = await app.inject(importOf('mine', bad));
      assert.deepEqual([refused.statusCode, refused.json().code], [422, 'import_damaged'], `byte ${at}`);
    }
    for (const bad of [file.subarray(0, 50), file.subarray(0, -1), Buffer.from('x'), Buffer.alloc(100)]) {
      assert.equal((await app.inject(importOf('mine', bad))).json().code, 'import_damaged');
    }
    const long = exported({ rows: { yes: new Float32Array(6).fill(9), no: new Float32Array(6).fill(Number.NaN) } });
    assert.match((await app.inject(importOf('mine', long))).json().detail, /unit length/);
    const empty = exported({ definition: { classes: [' '] } });
    assert.equal((await app.inject(importOf('mine', empty))).json().code, 'invalid_request');
    assert.throws(() => registry.get('mine'), { code: 'tenant_not_found' });
    const wrongType = { ...importOf('mine', file), headers: { 'content-type': 'application/json' } };
    assert.equal((await app.inject(wrongType)).statusCode, 400);
    const guarded = importOf('demo', file, { 'if-none-match': '*' });
    assert.equal((await app.inject(guarded)).json().code, 'precondition_failed');
  });
});
