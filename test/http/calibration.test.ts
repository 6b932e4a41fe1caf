import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ServiceError } from '../../src/errors/index.ts';
import type { Verdict } from '../../src/http/schemas/detect.ts';
import { multipart, type TestApp, testApp } from '../helpers/app.ts';

const URL = '/v1/tenants/demo/calibration';
const images = (n: number, from = 0) => Array.from({ length: n }, (_, i) => `picture ${from + i}`);
const form = (n: number, from = 0) => multipart(images(n, from).map((data) => ({ data })));
const base64 = (texts: string[]) => ({ images: texts.map((text) => ({ data: Buffer.from(text).toString('base64') })) });

const appFor = (t: TestContext) => testApp(t, { maxImages: 100, maxBodyBytes: 1_000_000 });

const calibrate = ({ app }: TestApp, n: number, query = '', from = 0) =>
  app.inject({ method: 'POST', url: URL + query, ...form(n, from) });
const detect = async ({ app }: TestApp, text: string, query = '') => {
  const headers = { 'content-type': 'image/png' };
  const reply = await app.inject({ method: 'POST', url: `/v1/detect${query}`, headers, payload: text });
  return { status: reply.statusCode, json: reply.json(), verdict: reply.json().results?.[0] as Verdict };
};
const ready = (parts: TestApp) => parts.app.inject({ method: 'GET', url: '/v1/tenants/demo' });

describe('calibration', () => {
  it('a verdict is byte for byte the same without a calibration, and after one was removed', async (t) => {
    const parts = await appFor(t);
    const bytes = async () => JSON.stringify((await detect(parts, 'a picture')).json.results);
    const before = await bytes();
    assert.doesNotMatch(before, /calibrat|p_value|band/);
    assert.equal((await calibrate(parts, 30)).statusCode, 201);
    assert.notEqual(await bytes(), before);
    assert.equal((await parts.app.inject({ method: 'DELETE', url: URL })).statusCode, 204);
    assert.equal(await bytes(), before);
  });

  it('the answer has threshold, guarantee and leave-one-out share; verdicts follow the threshold', async (t) => {
    const parts = await appFor(t);
    const reply = await calibrate(parts, 30, '?keep=0.9&score=ctw');
    assert.equal(reply.statusCode, 201);
    const made = reply.json();
    assert.deepEqual(
      [made.state, made.images, made.keep, made.score, made.tenant_version, made.version],
      ['current', 30, 0.9, 'ctw', 2, 2],
    );
    assert.ok(Math.abs(made.kept_share.expected - 28 / 31) < 1e-12);
    assert.ok(made.kept_share.low < 0.9 && made.kept_share.high > 0.95);
    assert.ok(made.leave_one_out.kept >= 27 && made.leave_one_out.kept <= 30);
    const own = await Promise.all(images(30).map((text) => detect(parts, text)));
    const scores = own.map(({ verdict }) => verdict.scores.ctw).sort((a, b) => a - b);
    assert.equal(made.threshold, scores[2], 'the third lowest of thirty, floor(31 x 0.1)');
    for (let i = 100; i < 160; i++) {
      const { verdict, json } = await detect(parts, `picture ${i}`);
      assert.equal(json.tenant_version, 2);
      assert.equal(verdict.decisions.calibrated, verdict.scores.ctw < made.threshold ? 'ood' : 'id');
      assert.equal(verdict.p_value, (1 + scores.filter((s) => s <= verdict.scores.ctw).length) / 31);
      const agree = verdict.decisions.calibrated === verdict.decisions.ctw;
      assert.equal(verdict.band, !agree ? 'uncertain' : verdict.decisions.ctw === 'id' ? 'in' : 'out');
      assert.deepEqual(verdict.calibration, { state: 'current', version: 2 });
    }
    assert.deepEqual((await parts.app.inject(URL)).json(), made);
  });

  it('method=calibrated decides by the threshold, for one request or by the definition', async (t) => {
    const parts = await appFor(t);
    await calibrate(parts, 30, '?keep=0.5');
    for (let i = 0; i < 20; i++) {
      const { verdict } = await detect(parts, `other ${i}`, '?method=calibrated');
      assert.deepEqual([verdict.method, verdict.decision], ['calibrated', verdict.decisions.calibrated]);
    }
    const { definition } = (await ready(parts)).json();
    await parts.app.inject({
      method: 'PUT',
      url: '/v1/tenants/demo',
      payload: { ...definition, method: 'calibrated' },
    });
    const { verdict } = await detect(parts, 'one more');
    assert.deepEqual([verdict.method, verdict.decision], ['calibrated', verdict.decisions.calibrated]);
    assert.equal((await detect(parts, 'one more', '?method=ctw')).verdict.method, 'ctw');
  });

  it('method=calibrated without a calibration is refused with a code, by request and by definition', async (t) => {
    const parts = await appFor(t);
    const asked = await detect(parts, 'x', '?method=calibrated');
    assert.deepEqual([asked.status, asked.json.code], [409, 'not_calibrated']);
    const { definition } = (await ready(parts)).json();
    await parts.app.inject({
      method: 'PUT',
      url: '/v1/tenants/demo',
      payload: { ...definition, method: 'calibrated' },
    });
    assert.equal((await detect(parts, 'x')).json.code, 'not_calibrated');
    assert.equal((await detect(parts, 'x', '?method=atd')).status, 200);
    assert.equal((await parts.app.inject(URL)).json().code, 'not_calibrated');
  });

  it('other classes make it stale: GET, the tenant and verdicts show it, and the rule without a threshold decides', async (t) => {
    const parts = await appFor(t);
    await calibrate(parts, 30);
    await parts.app.inject({
      method: 'PUT',
      url: '/v1/tenants/demo',
      payload: { classes: ['dog', 'whale'], method: 'calibrated' },
    });
    const { verdict } = await detect(parts, 'x');
    assert.deepEqual(verdict.calibration, { state: 'stale', version: 2, stale_because: 'classes' });
    assert.deepEqual([verdict.method, verdict.p_value, verdict.decisions.calibrated], ['ctw', undefined, undefined]);
    const asked = await detect(parts, 'x', '?method=calibrated');
    assert.deepEqual([asked.status, asked.json.code, asked.json.stale_because], [409, 'calibration_stale', 'classes']);
    const got = (await parts.app.inject(URL)).json();
    assert.deepEqual([got.state, got.stale_because, got.images], ['stale', 'classes', 30]);
    assert.equal((await ready(parts)).json().calibration.state, 'stale');
    assert.match((await parts.app.inject('/metrics')).body, /clipn_calibrations\{state="stale"\} 1/);
    assert.match((await parts.app.inject('/metrics')).body, /clipn_calibration_stale\{tenant="demo"\} 1/);
    // the former classes come back with the calibration that was made for them
    const back = await parts.app.inject({ method: 'POST', url: '/v1/tenants/demo/rollback' });
    assert.equal(back.statusCode, 200, back.body);
    assert.equal((await detect(parts, 'x', '?method=calibrated')).status, 200);
  });

  it('another model makes it stale for as long as it serves', async (t) => {
    const parts = await appFor(t);
    await calibrate(parts, 30);
    const { model } = parts;
    await parts.registry.moveTo({ ...model, bundle: { ...model.bundle, wholeId: 'another' } }, { onMoved: () => {} });
    assert.deepEqual((await detect(parts, 'x')).verdict.calibration, {
      state: 'stale',
      version: 2,
      stale_because: 'model',
    });
    const tag = (await ready(parts)).headers.etag as string;
    const again = await parts.app.inject({ url: '/v1/tenants/demo', headers: { 'if-none-match': tag } });
    assert.equal(again.statusCode, 200, 'a stale calibration is shown to clients that poll');
    await parts.registry.moveTo(model, { onMoved: () => {} });
    assert.equal((await detect(parts, 'x')).verdict.calibration?.state, 'current');
  });

  it('with certain_keep the band is between both thresholds', async (t) => {
    const parts = await appFor(t);
    const made = (await calibrate(parts, 60, '?keep=0.9&certain_keep=0.6')).json();
    assert.ok(made.certain_threshold > made.threshold);
    const seen = new Set<string>();
    for (let i = 100; i < 200; i++) {
      const { band, scores } = (await detect(parts, `picture ${i}`)).verdict;
      const want = scores.atd < made.threshold ? 'out' : scores.atd < made.certain_threshold ? 'uncertain' : 'in';
      assert.equal(band, want);
      seen.add(want);
    }
    assert.equal(seen.size, 3);
    const wrong = await calibrate(parts, 30, '?keep=0.8&certain_keep=0.9');
    assert.deepEqual([wrong.statusCode, wrong.json().code], [400, 'invalid_request']);
  });

  it('JSON, fields of a form, added images, and new choices without images lead to the same calibration', async (t) => {
    const parts = await appFor(t);
    const whole = (await calibrate(parts, 40, '?keep=0.9&score=msp')).json();
    const same = (made: typeof whole) => assert.deepEqual([made.threshold, made.images], [whole.threshold, 40]);
    const post = (payload: object) => parts.app.inject({ method: 'POST', url: URL, payload });
    same((await post({ ...base64(images(40)), keep: 0.9, score: 'msp' })).json());
    await calibrate(parts, 25);
    same((await calibrate(parts, 15, '?add=true&keep=0.9&score=msp', 25)).json());
    assert.notEqual((await post({ score: 'energy' })).json().threshold, whole.threshold);
    same((await post({ score: 'msp' })).json());
    const fields = multipart(images(40).map((data) => ({ data })));
    const field = (name: string, value: string) =>
      `--XBOUNDX\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    const payload = Buffer.concat([Buffer.from(field('keep', '0.9') + field('score', 'msp')), fields.payload]);
    same((await parts.app.inject({ method: 'POST', url: URL, headers: fields.headers, payload })).json());
    const bad = Buffer.concat([Buffer.from(field('keep', 'most')), fields.payload]);
    const refused = await parts.app.inject({ method: 'POST', url: URL, headers: fields.headers, payload: bad });
    assert.deepEqual([refused.statusCode, refused.json().code], [400, 'invalid_request']);
  });

  it('the same image counts once, and an image without a verdict is named and left out', async (t) => {
    const parts = await appFor(t);
    const files = [...images(30), ...images(10), 'BAD picture'].map((data, i) => ({ data, filename: `${i}.png` }));
    const made = (await parts.app.inject({ method: 'POST', url: URL, ...multipart(files) })).json();
    assert.equal(made.images, 30);
    assert.deepEqual(
      made.failed.map((f: { id: string; error: { code: string } }) => [f.id, f.error.code]),
      [['40.png', 'image_undecodable']],
    );
  });

  it('too few images are refused with the number that is needed', async (t) => {
    const parts = await appFor(t);
    const few = await calibrate(parts, 18);
    assert.deepEqual([few.statusCode, few.json().code, few.json().needed], [422, 'calibration_too_small', 19]);
    assert.equal((await calibrate(parts, 18, '?keep=0.9')).statusCode, 201);
    const none = await parts.app.inject({ method: 'POST', url: '/v1/tenants/demo/calibration', ...multipart([]) });
    assert.deepEqual([none.statusCode, none.json().code], [400, 'no_image']);
    const unknown = await parts.app.inject({ method: 'POST', url: '/v1/tenants/nobody/calibration', payload: {} });
    assert.equal(unknown.json().code, 'tenant_not_found');
  });

  it('an engine that fails makes no calibration of the images that are left', async (t) => {
    const parts = await appFor(t);
    parts.engine.failure = new ServiceError('engine_unavailable', 'gone');
    assert.equal((await calibrate(parts, 30)).json().code, 'engine_unavailable');
    assert.equal((await parts.app.inject(URL)).json().code, 'not_calibrated');
  });

  it('images of a calibration count neither for drift nor as decisions', async (t) => {
    const parts = await appFor(t);
    await calibrate(parts, 30);
    assert.equal((await parts.app.inject('/v1/tenants/demo/drift')).json().images, 0);
    assert.doesNotMatch((await parts.app.inject('/metrics')).body, /clipn_decisions_total\{/);
  });

  it('of two clients with one entity tag the second is refused', async (t) => {
    const parts = await appFor(t);
    const headers = { 'if-match': (await ready(parts)).headers.etag as string };
    const once = form(30);
    const post = () =>
      parts.app.inject({ method: 'POST', url: URL, ...once, headers: { ...once.headers, ...headers } });
    assert.equal((await post()).statusCode, 201);
    assert.equal((await post()).json().code, 'precondition_failed');
  });
});
