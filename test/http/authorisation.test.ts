import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import type { FastifyInstance, HTTPMethods, InjectOptions, RouteOptions } from 'fastify';
import { ARCHIVE_TYPE, encodeArchive } from '../../src/tenants/archive.ts';
import type { FakeAccess } from '../helpers/access.ts';
import { testApp } from '../helpers/app.ts';

/** Whom the answer depends on. */
type Kind =
  | 'open'
  | 'docs'
  | 'metrics'
  | 'admin'
  | 'detect'
  | 'manage'
  | 'review'
  | 'manage any'
  | 'detect any'
  | 'review any';

function kindOf({ config }: RouteOptions): Kind {
  const access = config?.access;
  assert.ok(access !== undefined);
  if (typeof access === 'string') return access;
  const request = {
    params: { tenant: 'zoo' },
    query: { tenant: 'zoo' },
    headers: { 'x-clipn-tenant': 'zoo' },
    server: {},
  };
  return access.tenant(request as never) === null ? (`${access.scope} any` as Kind) : access.scope;
}

/** Every route of the app, as the app itself registers them. */
async function appWithRoutes(t: TestContext, options: Parameters<typeof testApp>[2] = { mode: 'keys' }) {
  const routes: RouteOptions[] = [];
  const parts = await testApp(t, {}, options, (app) => app.addHook('onRoute', (route) => void routes.push(route)));
  // zoo exists, and nothing is found out about it by asking for nowhere, which does not
  await parts.registry.put('zoo', { classes: ['dog', 'cat'] }, { waitMs: 1000 });
  return { ...parts, routes };
}

const SCOPES: [name: string, scopes: string[] | undefined][] = [
  ['nobody', undefined],
  ['admin', ['admin']],
  ['metrics', ['metrics']],
  ['detect:zoo', ['detect:zoo']],
  ['detect:*', ['detect:*']],
  ['manage:zoo', ['manage:zoo']],
  ['manage:*', ['manage:*']],
  ['review:zoo', ['review:zoo']],
  ['review:*', ['review:*']],
  ['detect, manage and review of another', ['detect:another', 'manage:another', 'review:another']],
  ['detect, manage and review of zoo*', ['detect:zoo*', 'manage:zoo*', 'review:zoo*']],
];

const covers = (scopes: string[], scope: string, tenant: string) =>
  scopes.some(
    (s) => s === `${scope}:${tenant}` || s === `${scope}:*` || (s === `${scope}:zoo*` && tenant.startsWith('zoo')),
  );

/** The expected answer by the matrix, computed without the service's own code: 401, 403, or accepted. */
function expected(kind: Kind, scopes: string[] | undefined, tenant: string): 'in' | 401 | 403 {
  if (kind === 'open' || kind === 'docs') return 'in';
  if (scopes === undefined) return 401;
  if (scopes.includes('admin')) return 'in';
  if (kind === 'manage any') return scopes.some((s) => s.startsWith('manage:')) ? 'in' : 403;
  if (kind === 'review any') return scopes.some((s) => s.startsWith('review:')) ? 'in' : 403;
  if (kind === 'detect any') return scopes.some((s) => s.startsWith('detect:')) ? 'in' : 403;
  if (kind === 'admin' || kind === 'metrics') return scopes.includes(kind) ? 'in' : 403;
  return covers(scopes, kind, tenant) ? 'in' : 403;
}

function requestTo(route: RouteOptions, method: string, tenant: string, headers: object): InjectOptions {
  const url = route.url
    .replace(':tenant', tenant)
    .replace(/:[a-z_]+/gi, '0000000000')
    .replace('*', 'index.html');
  return {
    method: method as HTTPMethods as 'GET',
    url: kindOf(route) === 'detect' ? `${url}?tenant=${tenant}` : url,
    headers: { 'x-clipn-tenant': tenant, ...headers },
  };
}

const headersOf = async (access: FakeAccess, scopes: string[] | undefined) =>
  scopes === undefined ? {} : (await access.key(scopes)).headers;

/** The answer without what differs between any two requests. */
function answer(app: FastifyInstance, request: InjectOptions) {
  return app.inject(request).then(({ statusCode, headers, body }) => {
    const { 'x-request-id': id, date: _, ...rest } = headers;
    const mask = (text: string) => text.replaceAll(String(id), 'ID').replaceAll(/zoo-none|nowhere|zoo/g, 'TENANT');
    return { status: statusCode, body: mask(body), headers: mask(JSON.stringify({ ...rest, 'content-length': 0 })) };
  });
}

describe('authorisation', () => {
  it("every route answers every scope as the table says, for the key's own, another and an unknown tenant", async (t) => {
    const { app, access, routes } = await appWithRoutes(t);
    let asked = 0;
    for (const [name, scopes] of SCOPES) {
      const headers = await headersOf(access, scopes);
      for (const route of routes) {
        for (const method of [route.method].flat()) {
          // the tenant that is there is asked last: some of these routes remove it
          for (const tenant of ['nowhere', 'zoo-none', 'zoo']) {
            const request = requestTo(route, method, tenant, headers);
            const where = `${name}: ${request.method} ${request.url}`;
            const want = expected(kindOf(route), scopes, tenant);
            const { status, body } = await answer(app, request);
            asked++;
            if (want === 'in') assert.ok(status !== 401 && status !== 403, `${where}: ${status} ${body}`);
            else {
              assert.equal(status, want, where);
              const code = method === 'HEAD' ? '' : JSON.parse(body).code;
              if (method !== 'HEAD') assert.equal(code, want === 401 ? 'unauthenticated' : 'forbidden', where);
            }
          }
        }
      }
    }
    assert.ok(routes.length > 15, 'the app has told its routes');
    assert.ok(asked > 500, String(asked));
  });

  it('a key without the scope gets the same answer for a tenant that exists and for one that does not', async (t) => {
    const { app, access, routes } = await appWithRoutes(t);
    const tenantRoutes = routes.filter((r) => ['detect', 'manage', 'review'].includes(kindOf(r)));
    assert.ok(tenantRoutes.length >= 5);
    for (const scopes of [['detect:another', 'manage:another', 'review:another'], ['metrics'], undefined]) {
      const headers = await headersOf(access, scopes);
      for (const route of tenantRoutes) {
        for (const method of [route.method].flat()) {
          const [exists, not] = [
            await answer(app, requestTo(route, method, 'zoo', headers)),
            await answer(app, requestTo(route, method, 'nowhere', headers)),
          ];
          assert.deepEqual(exists, not, `${method} ${route.url}`);
        }
      }
    }
  });

  it('every route that changes something writes a line into the audit log', async (t) => {
    const { app, access, builder, capture, routes } = await appWithRoutes(t);
    const { headers, id } = await access.key(['admin']);
    /** Requests with which each route really changes something; a route that is not listed fails the test. */
    const begin = async () => {
      builder.delayMs = 1000;
      const definition = { classes: ['slow'] };
      const request = { method: 'PUT', url: '/v1/tenants/zoo', payload: definition } as const;
      await app.inject({ ...request, headers: { ...headers, prefer: 'respond-async' } });
      builder.delayMs = 0;
    };
    const file = encodeArchive({
      tenant: 'zoo',
      version: 1,
      exported_at: '2026-01-01T00:00:00.000Z',
      definition: { classes: ['imported'] },
      bundle: 'another',
      width: 1,
      texts: [],
      rows: { yes: new Float32Array(), no: new Float32Array() },
    });
    interface Change {
      file?: boolean;
      first?: () => Promise<void>;
      payload?: object;
      url?: string;
      action: string;
      versions: unknown;
    }
    const calibrated = { keep: 0.5, images: [{ data: 'AAAA' }] };
    const body: Record<string, Change> = {
      'PUT /v1/tenants/:tenant': { payload: { classes: ['a'] }, action: 'tenant.put', versions: [1, 2] },
      'DELETE /v1/tenants/:tenant/build': { first: begin, action: 'tenant.build.cancel', versions: [3, 3] },
      'POST /v1/tenants/:tenant/rollback': { action: 'tenant.rollback', versions: [3, 4] },
      'POST /v1/tenants/:tenant/import': { file: true, action: 'tenant.import', versions: [4, 5] },
      'PUT /v1/tenants/:tenant/drift/baseline': {
        first: async () => {
          for (let i = 0; i < 200; i++) app.drift.record('zoo', { ood: false, noProbability: 0.1, predicted: 'a' });
        },
        action: 'tenant.drift.pin',
        versions: [5, 5],
      },
      'DELETE /v1/tenants/:tenant/drift/baseline': { action: 'tenant.drift.unpin', versions: [5, 5] },
      'POST /v1/tenants/:tenant/calibration': { payload: calibrated, action: 'tenant.calibrate', versions: [5, 6] },
      'DELETE /v1/tenants/:tenant/calibration': { action: 'tenant.uncalibrate', versions: [6, 7] },
      'POST /v1/labels': {
        payload: { tenant: 'zoo', sha256: 'a'.repeat(64), label: 'none' },
        action: 'tenant.label',
        versions: [7, 7],
      },
      'DELETE /v1/tenants/:tenant/labels/:sha256': {
        url: `/v1/tenants/zoo/labels/${'a'.repeat(64)}`,
        action: 'tenant.label.delete',
        versions: [7, 7],
      },
      'DELETE /v1/tenants/:tenant/captures/:sha256': {
        first: async () => {
          const definition = { classes: ['a'], capture: {} };
          await app.inject({ method: 'PUT', url: '/v1/tenants/zoo', payload: definition, headers });
          await app.inject({
            method: 'POST',
            url: '/v1/detect?tenant=zoo',
            payload: Buffer.from('picture'),
            headers: { ...headers, 'content-type': 'image/png' },
          });
          await capture.capture.idle();
        },
        url: `/v1/tenants/zoo/captures/${createHash('sha256').update('picture').digest('hex')}`,
        action: 'tenant.capture.delete',
        versions: [8, 8],
      },
      'DELETE /v1/tenants/:tenant/captures': { action: 'tenant.capture.delete-all', versions: [8, 8] },
      'PUT /v1/tenants/:tenant/classes/:class/examples': {
        payload: { images: calibrated.images },
        url: '/v1/tenants/zoo/classes/a/examples',
        action: 'tenant.examples.put',
        versions: [8, 9],
      },
      'DELETE /v1/tenants/:tenant/classes/:class/examples': {
        url: '/v1/tenants/zoo/classes/a/examples',
        action: 'tenant.examples.delete',
        versions: [9, 10],
      },
      'DELETE /v1/tenants/:tenant': { action: 'tenant.delete', versions: [10, null] },
      'POST /v1/admin/keys': { payload: { name: 'x', scopes: ['metrics'] }, action: 'key.create', versions: [null, 1] },
      'POST /v1/admin/reload': { payload: {}, action: 'model.reload', versions: [null, null] },
      'DELETE /v1/admin/keys/:id': { url: `/v1/admin/keys/${id}`, action: 'key.revoke', versions: [1, 2] },
    };
    const changing = routes
      .filter((r) => ['manage', 'review', 'review any', 'admin'].includes(kindOf(r)))
      .flatMap((r) => [r.method].flat().map((m) => `${m} ${r.url}`))
      // a check only looks, though it has a body
      .filter((r) => !/^(GET|HEAD) /.test(r) && r !== 'POST /v1/tenants/:tenant/check');
    const order = Object.keys(body);
    const hint = 'a new route that changes something calls recordChange, and says above how it is called';
    assert.deepEqual(changing.sort(), [...order].sort(), hint);
    for (const name of order) {
      const { first, payload, url, action, versions, file: sendsFile } = body[name] as Change;
      await first?.();
      const [method, path] = name.split(' ') as ['PUT', string];
      const response = await app.inject({
        method,
        url: url ?? path.replace(':tenant', 'zoo'),
        headers: {
          ...headers,
          'x-request-id': name.replaceAll(/\W/g, '-'),
          ...(sendsFile ? { 'content-type': ARCHIVE_TYPE } : {}),
        },
        ...(payload ? { payload } : sendsFile ? { payload: file } : {}),
      });
      assert.ok(response.statusCode < 300, `${name}: ${response.body}`);
      const entry = access.audit.entries.at(-1);
      assert.deepEqual([entry?.action, [entry?.before, entry?.after]], [action, versions], name);
      assert.deepEqual(entry?.actor, { kind: 'key', id, name: 'admin' });
      assert.equal(entry?.request_id, name.replaceAll(/\W/g, '-'));
      assert.ok(Date.now() - Date.parse(entry?.at ?? '') < 10_000);
    }
    const changes = access.audit.entries.length;
    await app.inject({ method: 'PUT', url: '/v1/tenants/demo', headers, payload: { classes: ['dog', 'cat'] } });
    assert.equal(access.audit.entries.length, changes, 'what changes nothing is no change');
  });

  it('an app with a route that declares no scope does not start', async (t) => {
    await assert.rejects(
      testApp(t, {}, {}, (app) =>
        app.addHook('onRoute', (route) => {
          if (route.url === '/metrics') delete route.config;
        }),
      ),
      /routes without an access declaration: GET \/metrics/,
    );
  });
});
