import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Bundle } from '../../src/bundle/load.ts';
import { loadConfig } from '../../src/config/index.ts';
import { Dispatcher } from '../../src/engine/front/admission/dispatcher.ts';
import { queueOptions } from '../../src/engine/index.ts';
import { GateServer, parseGateFile } from '../../src/gate/index.ts';
import type { DetectionEngine } from '../../src/serving/detect-images.ts';
import { engineOptions } from '../../src/serving/engine-options.ts';
import type { ServingEngine } from '../../src/serving/observed-engine.ts';
import { FakeEngine, testApp } from '../helpers/app.ts';
import { ask, recordingUpstream } from '../helpers/gate.ts';

/** The shares take the way of the service: from the setting to the options of the engine, and from these to its queue. */
const CONFIG = loadConfig({ CLIPN_TENANT_WEIGHTS: 'a=4,b=1' });
/** Only the size of the image graph and the measured speed are read of it. */
const BUNDLE = { precision: 'fp32', manifest: {}, files: { image: import.meta.filename } } as Bundle;
/** Requests that each tenant has in progress all the time, so that both always have waiting images. */
const CLIENTS = 10;
const SERVED = 100;

/** The service's own queue in front of an engine that takes one image at a time; `order` has the tenants as they were served. */
function weightedEngine() {
  const inner = new FakeEngine();
  const order: string[] = [];
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const dispatcher = new Dispatcher({
    ...queueOptions(engineOptions(CONFIG, BUNDLE, ['cpu'])),
    unavailable: () => 'never',
  });
  dispatcher.addSlot({
    name: 'counted',
    ready: true,
    window: 1,
    lastCause: 'crash',
    send: async (request, signal) => {
      // nothing is served before both tenants wait
      await opened;
      order.push(request.tenant);
      await turn();
      return inner.detect(request, signal);
    },
  });
  const engine: ServingEngine & DetectionEngine = {
    status: inner.status,
    check: (asked) => dispatcher.check(asked),
    detect: (request, signal) => dispatcher.submit(request, signal),
    look: async () => [],
  };
  return { engine, order, open, depth: () => dispatcher.depth };
}

/** Tenants a and b ask without pause; returns how many images of each were served among the first `SERVED`. */
async function saturate(send: (tenant: string) => Promise<number>, parts: ReturnType<typeof weightedEngine>) {
  const { order, open, depth } = parts;
  const client = async (tenant: string) => {
    while (order.length < SERVED) assert.equal(await send(tenant), 200);
  };
  const clients = Promise.all(['a', 'b'].flatMap((tenant) => Array.from({ length: CLIENTS }, () => client(tenant))));
  // one image is with the engine already
  while (depth() < 2 * CLIENTS - 1) await turn();
  open();
  await clients;
  const first = order.slice(0, SERVED);
  return { a: first.filter((t) => t === 'a').length, b: first.filter((t) => t === 'b').length };
}

/** The gate's file: the header names the tenant, and the time budget has no effect here. */
function settingsFor(upstream: string) {
  const route = { name: 'all', match: { path: '/**', methods: ['POST'] }, mode: 'shadow', budget_ms: 60_000 };
  const routes = [{ ...route, tenant: { header: 'x-tenant', default: 'demo' } }];
  const file = { upstream: { url: upstream }, listen: { port: 0 }, routes };
  return parseGateFile(JSON.stringify(file), 'test.json');
}

async function appWith(t: TestContext) {
  const parts = weightedEngine();
  const settings = settingsFor('http://127.0.0.1:1');
  const gate = { settings: () => settings, audit: () => undefined };
  const test = await testApp(t, { requestTimeoutMs: 60_000 }, {}, undefined, { engine: parts.engine, gate });
  for (const tenant of ['a', 'b']) await test.registry.put(tenant, { classes: ['dog', 'cat'] }, { waitMs: 1000 });
  return { ...test, parts };
}

function assertShares({ a, b }: { a: number; b: number }): void {
  const ratio = a / b;
  assert.ok(ratio > 4 * 0.8 && ratio < 4 * 1.2, `a : b = ${a} : ${b}`);
}

describe('CLIPN_TENANT_WEIGHTS=a=4,b=1 gives a four times the share of b under saturation', () => {
  it('weights 4 and 1 give shares of 4 : 1 through POST /v1/detect', async (t) => {
    const { app, parts } = await appWith(t);
    const send = async (tenant: string) => {
      const url = `/v1/detect?tenant=${tenant}`;
      return (await app.inject({ method: 'POST', url, headers: { 'content-type': 'image/png' }, payload: 'PHOTO' }))
        .statusCode;
    };
    assertShares(await saturate(send, parts));
  });

  it('weights 4 and 1 give shares of 4 : 1 through POST /v2/models/{tenant}/infer', async (t) => {
    const { app, parts } = await appWith(t);
    const data = [Buffer.from('PHOTO').toString('base64')];
    const payload = { inputs: [{ name: 'images', shape: [1], datatype: 'BYTES', data }] };
    const send = async (tenant: string) =>
      (await app.inject({ method: 'POST', url: `/v2/models/${tenant}/infer`, payload })).statusCode;
    assertShares(await saturate(send, parts));
  });

  it('weights 4 and 1 give shares of 4 : 1 through ext_authz', async (t) => {
    const { app, parts } = await appWith(t);
    const send = async (tenant: string) => {
      const headers = { 'content-type': 'image/jpeg', 'x-tenant': tenant };
      return (await app.inject({ method: 'POST', url: '/v1/ext-authz/classify', headers, payload: jpeg('x') }))
        .statusCode;
    };
    assertShares(await saturate(send, parts));
  });

  it('weights 4 and 1 give shares of 4 : 1 through the gate', async (t) => {
    const { registry, parts } = await appWith(t);
    const { url: upstream } = await recordingUpstream(t);
    const settings = settingsFor(upstream);
    const gate = new GateServer({ settings, engine: parts.engine, tenants: registry, observer: {} });
    const url = await gate.listen();
    t.after(() => gate.close());
    const send = async (tenant: string) => {
      const headers: [string, string][] = [
        ['Content-Type', 'image/jpeg'],
        ['X-Tenant', tenant],
      ];
      return (await ask(url, { path: '/classify', headers, body: jpeg('x') })).status;
    };
    assertShares(await saturate(send, parts));
  });
});

/** The first bytes of a JPEG: enough for the adapters to see an image. */
const jpeg = (text: string): Buffer => Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.from(text)]);
