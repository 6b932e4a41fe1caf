import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EXIT_CAUSES } from '../../src/engine/index.ts';
import { testApp } from '../helpers/app.ts';

describe('operations', () => {
  it('/livez answers whatever the engine does, and /readyz names the reason when not ready', async (t) => {
    const { app, engine } = await testApp(t);
    assert.deepEqual((await app.inject('/readyz')).json().status, 'ready');
    engine.status = {
      ...engine.status,
      state: 'restarting',
      reason: 'the inference engine ended and is being restarted',
    };
    const not = await app.inject('/readyz');
    assert.equal(not.statusCode, 503);
    assert.deepEqual(not.json().reasons, ['the inference engine ended and is being restarted']);
    assert.equal((await app.inject('/livez')).statusCode, 200);
    engine.status = { ...engine.status, state: 'ready' };
    app.lifecycle.restoring = true;
    assert.deepEqual((await app.inject('/readyz')).json().reasons, ['tenants are being restored, 1 are ready']);
    app.lifecycle.restoring = false;
    app.lifecycle.draining = true;
    assert.deepEqual((await app.inject('/readyz')).json().reasons, ['the service is shutting down']);
  });

  it('/metrics has every metric of the contract', async (t) => {
    const { app, engine } = await testApp(t);
    engine.status = { ...engine.status, engines: [{ name: 'cpu', state: 'ready' }] as never };
    const text = (await app.inject('/metrics')).body;
    const names = [
      'requests_total',
      'request_duration_seconds',
      'decisions_total',
      'no_probability',
      'ood_probability',
      'images_rejected_total',
      'queue_depth',
      'queue_wait_seconds',
      'batch_size',
      'decode_seconds',
      'inference_seconds',
      'engine_up',
      'engine_restarts_total',
      'cache_requests_total',
      'tenants',
      'tenant_build_seconds',
    ];
    for (const name of names) assert.match(text, new RegExp(`# TYPE clipn_${name} `), name);
    assert.match(text, /clipn_engine_up\{engine="cpu"\} 1/);
    assert.match(text, /clipn_tenants\{state="ready"\} 1/);
    for (const cause of EXIT_CAUSES)
      assert.match(text, new RegExp(`clipn_engine_restarts_total\\{.*cause="${cause}"\\} 0`), 'from zero on');
  });

  it('every operation is in the OpenAPI document, and /docs shows it', async (t) => {
    const { app } = await testApp(t);
    const { openapi, paths } = (await app.inject('/openapi.json')).json();
    assert.match(openapi, /^3\.1/);
    const operations = Object.entries(paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((m) => `${m} ${path}`),
    );
    assert.deepEqual(operations.sort(), [
      'delete /v1/admin/keys/{id}',
      'delete /v1/tenants/{tenant}',
      'delete /v1/tenants/{tenant}/build',
      'delete /v1/tenants/{tenant}/calibration',
      'delete /v1/tenants/{tenant}/captures',
      'delete /v1/tenants/{tenant}/captures/{sha256}',
      'delete /v1/tenants/{tenant}/classes/{class}/examples',
      'delete /v1/tenants/{tenant}/drift/baseline',
      'delete /v1/tenants/{tenant}/labels/{sha256}',
      'get /livez',
      'get /metrics',
      'get /readyz',
      'get /v1/admin/audit',
      'get /v1/admin/keys',
      'get /v1/admin/reload',
      'get /v1/tenant-files',
      'get /v1/tenants',
      'get /v1/tenants/{tenant}',
      'get /v1/tenants/{tenant}/build',
      'get /v1/tenants/{tenant}/build/events',
      'get /v1/tenants/{tenant}/calibration',
      'get /v1/tenants/{tenant}/captures',
      'get /v1/tenants/{tenant}/captures/{sha256}/image',
      'get /v1/tenants/{tenant}/classes/{class}/examples',
      'get /v1/tenants/{tenant}/classes/{class}/examples/{sha256}/image',
      'get /v1/tenants/{tenant}/drift',
      'get /v1/tenants/{tenant}/export',
      'get /v1/tenants/{tenant}/labels',
      'get /v1/tenants/{tenant}/looks-like',
      'get /v1/tenants/{tenant}/quality',
      'get /v2',
      'get /v2/health/live',
      'get /v2/health/ready',
      'get /v2/models/{tenant}',
      'get /v2/models/{tenant}/config',
      'get /v2/models/{tenant}/ready',
      'get /v2/models/{tenant}/versions/{version}',
      'get /v2/models/{tenant}/versions/{version}/config',
      'get /v2/models/{tenant}/versions/{version}/ready',
      'post /v1/admin/keys',
      'post /v1/admin/reload',
      'post /v1/detect',
      'post /v1/ext-authz/{path}',
      'post /v1/labels',
      'post /v1/tenants/{tenant}/calibration',
      'post /v1/tenants/{tenant}/check',
      'post /v1/tenants/{tenant}/import',
      'post /v1/tenants/{tenant}/rollback',
      'post /v2/models/{tenant}/infer',
      'post /v2/models/{tenant}/versions/{version}/infer',
      'post /v2/repository/index',
      'put /v1/tenants/{tenant}',
      'put /v1/tenants/{tenant}/classes/{class}/examples',
      'put /v1/tenants/{tenant}/drift/baseline',
    ]);
    const content = paths['/v1/detect'].post.requestBody.content;
    assert.deepEqual(Object.keys(content).sort(), [
      'application/json',
      'application/octet-stream',
      'image/*',
      'multipart/form-data',
    ]);
    const docs = await app.inject('/docs/');
    assert.equal(docs.statusCode, 200);
    assert.match(docs.body, /swagger/i);
  });

  it('an unknown address or method gets a problem with a code', async (t) => {
    const { app } = await testApp(t);
    const missing = await app.inject('/v2/detect');
    assert.deepEqual([missing.statusCode, missing.json().code], [404, 'not_found']);
    const method = await app.inject('/v1/detect');
    assert.deepEqual(
      [method.statusCode, method.json().code, method.headers['allow']],
      [405, 'method_not_allowed', 'OPTIONS, POST'],
    );
  });
});
