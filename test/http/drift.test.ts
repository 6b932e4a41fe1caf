import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type TestApp, testApp } from '../helpers/app.ts';

async function send({ app }: TestApp, n: number, text: (i: number) => string) {
  for (let i = 0; i < n; i++) {
    const headers = { 'content-type': 'image/png' };
    const { statusCode } = await app.inject({
      method: 'POST',
      url: '/v1/detect?method=atd',
      headers,
      payload: text(i),
    });
    assert.equal(statusCode, 200);
  }
}

it("a tenant's drift is counted, compared with its pinned baseline, exported as metrics, and removed with the tenant", async (t) => {
  const parts = await testApp(t);
  const { app } = parts;
  const drift = async () => (await app.inject('/v1/tenants/demo/drift')).json();
  assert.equal((await app.inject('/v1/tenants/nobody/drift')).json().code, 'tenant_not_found');
  await send(parts, 20, String);
  const early = await app.inject({ method: 'PUT', url: '/v1/tenants/demo/drift/baseline' });
  assert.deepEqual([early.statusCode, early.json().code], [409, 'baseline_too_small']);

  await send(parts, 200, String);
  const counted = await drift();
  assert.deepEqual(
    [counted.images, counted.verdict, counted.baseline, counted.window_seconds],
    [220, 'no_baseline', null, 60],
  );
  const pinned = await app.inject({ method: 'PUT', url: '/v1/tenants/demo/drift/baseline' });
  assert.equal(pinned.statusCode, 200);
  assert.equal(pinned.json().baseline.images, 220);
  assert.equal((await drift()).verdict, 'stable');

  // one picture over and over
  await send(parts, 800, () => 'the same');
  const shifted = await drift();
  assert.equal(shifted.verdict, 'shifted');
  assert.ok(shifted.psi.no_probability.value > shifted.psi.no_probability.of_chance);
  const text = (await app.inject('/metrics')).body;
  assert.match(text, /clipn_drift_images\{tenant="demo"\} 1020/);
  assert.match(text, /clipn_drift_psi\{tenant="demo",of="no_probability"\} \d/);
  assert.match(text, /clipn_drift_ood_rate\{tenant="demo",window="baseline",bound="low"\} 0?\.?\d/);

  assert.equal((await app.inject({ method: 'DELETE', url: '/v1/tenants/demo/drift/baseline' })).statusCode, 204);
  assert.equal((await drift()).verdict, 'no_baseline');
  await app.inject({ method: 'DELETE', url: '/v1/tenants/demo' });
  await app.inject({ method: 'PUT', url: '/v1/tenants/demo', payload: { classes: ['dog', 'cat'] } });
  assert.equal((await drift()).images, 0, 'another tenant of that name starts at zero');
});
