import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ARCHIVE_TYPE, decodeArchive, encodeArchive } from '../../src/tenants/archive.ts';
import { packed } from '../../src/tenants/examples/stored.ts';
import { multipart, type TestApp, testApp } from '../helpers/app.ts';

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

  /** A tenant with features of unit length, examples and a calibration that applies. */
  async function learned(t: TestContext) {
    const parts = await testApp(t, { maxImages: 100, maxBodyBytes: 1_000_000 });
    const form = (n: number) => multipart(Array.from({ length: n }, (_, i) => ({ data: `picture ${i}` })));
    const { app } = parts;
    await app.inject(importOf('zoo', exported()));
    const given = await app.inject({ method: 'PUT', url: '/v1/tenants/zoo/classes/lion/examples', ...form(3) });
    assert.equal(given.statusCode, 200, given.body);
    const made = await app.inject({ method: 'POST', url: '/v1/tenants/zoo/calibration?keep=0.9', ...form(30) });
    assert.equal(made.statusCode, 201, made.body);
    return { ...parts, file: (await app.inject('/v1/tenants/zoo/export')).rawPayload };
  }
  const calibrationOf = async ({ app }: TestApp, id: string) => {
    const { version: _, tenant_version, tenant, ...rest } = (await app.inject(`/v1/tenants/${id}/calibration`)).json();
    return rest;
  };
  const verdictOf = async ({ app }: TestApp, id: string) => {
    const url = `/v1/detect?tenant=${id}&method=calibrated`;
    const reply = await app.inject({ method: 'POST', url, headers: { 'content-type': 'image/png' }, payload: 'x' });
    const { calibration, ...verdict } = reply.json().results[0];
    assert.equal(calibration?.state, 'current', reply.body);
    return verdict;
  };

  it('calibration and examples come with the file, apply at once, and give the same verdicts', async (t) => {
    const from = await learned(t);
    const to = await testApp(t);
    const made = await to.app.inject(importOf('mine', from.file));
    assert.deepEqual([made.statusCode, made.json().version], [201, 1], made.body);
    assert.deepEqual(await calibrationOf(to, 'mine'), await calibrationOf(from, 'zoo'));
    assert.deepEqual(made.json().examples, [{ class: 'lion', images: 3 }]);
    assert.deepEqual(await verdictOf(to, 'mine'), await verdictOf(from, 'zoo'));
    const same = await to.app.inject(importOf('mine', from.file));
    assert.deepEqual([same.statusCode, same.json().version], [200, 1], 'the same again changes nothing');
    const again = decodeArchive((await to.app.inject('/v1/tenants/mine/export')).rawPayload);
    assert.deepEqual(again.examples, decodeArchive(from.file).examples);
  });

  it('a file without calibration and examples, such as one of 1.0.0, takes the examples away; a rollback returns to them', async (t) => {
    const parts = await learned(t);
    assert.ok(!exported().toString('latin1').includes('examples'));
    const replaced = await parts.app.inject(importOf('zoo', exported()));
    assert.deepEqual([replaced.statusCode, replaced.json().examples], [200, undefined]);
    assert.deepEqual(
      [replaced.json().calibration.state, replaced.json().calibration.stale_because],
      ['stale', 'classes'],
    );
    const back = await parts.app.inject({ method: 'POST', url: '/v1/tenants/zoo/rollback' });
    assert.deepEqual(back.json().examples, [{ class: 'lion', images: 3 }]);
    assert.equal((await calibrationOf(parts, 'zoo')).state, 'current');
  });

  it('with another model the calibration is stale and the examples are lacking', async (t) => {
    const { file } = await learned(t);
    const { rows, calibration, examples, ...rest } = decodeArchive(file);
    const other = encodeArchive({
      ...rest,
      rows,
      calibration: { ...(calibration as NonNullable<typeof calibration>), model: { id: 'o', name: 'o', version: '1' } },
      examples: { lion: { model: 'o', images: examples?.['lion']?.images ?? [] } },
    });
    const { app } = await testApp(t);
    const made = (await app.inject(importOf('mine', other))).json();
    assert.deepEqual(made.examples, [{ class: 'lion', images: 3, lacking: true }]);
    assert.equal(made.calibration.stale_because, 'model');
  });

  it('a calibration or examples that contradict themselves are refused, and so is a field that this version does not know', async (t) => {
    const { app, file } = await learned(t);
    const good = decodeArchive(file);
    const calibration = good.calibration as NonNullable<typeof good.calibration>;
    const lion = good.examples?.['lion'] as NonNullable<NonNullable<typeof good.examples>[string]>;
    const [first] = lion.images as [(typeof lion.images)[0]];
    const wide = packed(Float32Array.of(0, 0, 1));
    const images = (...of: (typeof first)[]) => ({ examples: { lion: { ...lion, images: of } } });
    const bad: [RegExp, object][] = [
      [/number of images/, { calibration: { ...calibration, keep: 0.999 } }],
      [
        /number of images/,
        { calibration: { ...calibration, images: calibration.images.with(1, calibration.images[0] ?? '') } },
      ],
      [/one score for each/, { calibration: { ...calibration, scores: { ...calibration.scores, atd: [1] } } }],
      [/contradict/, { calibration: { ...decodeArchive(file).calibration, certain_keep: 0.95 } }],
      [/number of examples/, images()],
      [/twice/, images(first, first)],
      [/unit length/, images({ ...first, embedding: packed(Float32Array.of(0.5, 0)) })],
      [/not those of their model/, images({ ...first, embedding: wide })],
      [/the field \\?"judge\\?", which a newer version/, { judge: 1 }],
    ];
    for (const [why, change] of bad) {
      const refused = await app.inject(importOf('mine', encodeArchive({ ...decodeArchive(file), ...change })));
      assert.deepEqual([refused.statusCode, refused.json().code], [422, 'import_damaged'], refused.body);
      assert.match(refused.json().detail, why);
    }
  });
});
