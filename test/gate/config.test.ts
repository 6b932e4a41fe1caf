import assert from 'node:assert/strict';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathPattern } from '../../src/gate/config/path-pattern.ts';
import { pathReadings } from '../../src/gate/config/path-readings.ts';
import { decidedFor } from '../../src/gate/config/settings.ts';
import { GateFileError, type GateSettings, loadGateFile, parseGateFile, watchGateFile } from '../../src/gate/index.ts';
import { findRoute, originTarget, tenantOf } from '../../src/gate/routing.ts';
import { ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { until } from '../helpers/service.ts';

const parse = (text: string) => parseGateFile(text, 'gate.yaml');
const faults = (text: string): readonly string[] => {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof GateFileError);
    return error.faults;
  }
  throw new Error('nothing was wrong with it');
};

const BASE = 'upstream: {url: "http://127.0.0.1:9000"}\n';

describe("the gate's file", () => {
  it("the gate's file is YAML or JSON, and omitted fields have defaults", () => {
    const yaml = parse(`${BASE}routes:\n  - match: {path: /predict}\n`);
    const json = parse('{"upstream": {"url": "http://127.0.0.1:9000"}, "routes": [{"match": {"path": "/predict"}}]}');
    assert.deepEqual(JSON.parse(JSON.stringify(yaml)), JSON.parse(JSON.stringify(json)));
    const [route] = yaml.routes;
    assert.equal(route?.orientation, undefined, 'as the service is configured');
    assert.deepEqual([route?.mode, route?.adapter, route?.tenant, route?.budgetMs], ['shadow', 'auto', 'demo', 1000]);
  });

  it('a route says whether its classifier applies EXIF orientation, and the defaults say it for all routes', () => {
    const { routes } = parse(
      `${BASE}defaults: {orientation: ignore}\nroutes: [{match: {path: /a}}, {match: {path: /b}, orientation: apply}]\n`,
    );
    assert.deepEqual(
      routes.map((r) => r.orientation),
      ['ignore', 'apply'],
    );
    assert.match(faults(`${BASE}routes: [{match: {path: /a}, orientation: left}]`).join(), /orientation/);
  });

  it("a tenant's entry in the gate's file precedes the route's, which precedes the defaults; fail is set by cause", () => {
    const settings = parse(`${BASE}
defaults: {mode: annotate, fail: {default: closed, deadline: open}}
tenants: {zoo: {mode: "off"}, vip: {fail: open, percent: 5}}
routes:
  - {match: {path: /a}, mode: enforce, fail: {too_large: open}}
  - {match: {path: /b}}
`);
    const [a, b] = settings.routes as [GateSettings['routes'][0], GateSettings['routes'][0]];
    assert.deepEqual([a.mode, b.mode], ['enforce', 'annotate']);
    assert.deepEqual([a.fail.engine_down, a.fail.deadline, a.fail.too_large], ['closed', 'open', 'open']);
    assert.equal(decidedFor(a, 'zoo', settings).mode, 'off');
    assert.equal(decidedFor(a, 'vip', settings).mode, 'enforce');
    assert.equal(decidedFor(a, 'vip', settings).percent, 5);
    assert.equal(decidedFor(a, 'vip', settings).fail.engine_down, 'open');
    assert.equal(decidedFor(a, 'constructor', settings), a);
  });

  it("every fault of the gate's file is reported at once, with its place", () => {
    const all = faults('upstream: {url: "ftp://x", speed: 1}\nroutes:\n  - {match: {path: x}, mode: maybe}\n').join(
      '\n',
    );
    for (const part of [
      '/upstream/url',
      'speed',
      '/routes/0/match/path',
      '/routes/0/mode',
      'off, shadow, annotate, enforce',
    ])
      assert.ok(all.includes(part), part);
    assert.match(faults('a: [').join(), /neither YAML nor JSON/);
    for (const [route, fault] of [
      ['adapter: json', /needs pointers/],
      ['batch: filter, parallel: true', /can't be parallel/],
      ['fallback: "http://x", parallel: true', /can't be parallel/],
      ['tenant: "{model}"', /not in the path/],
      ['tenant: "Not An Id"', /tenant's id/],
      ['batch: filter, adapter: json, pointers: [/a]', /answer_pointer/],
    ] as const)
      assert.match(faults(`${BASE}routes:\n  - {match: {path: /a}, ${route}}\n`).join(), fault);
    assert.match(
      faults(`${BASE}routes:\n  - {match: {path: /a}}\n  - {match: {path: /a}}\n`).join(),
      /an earlier route/,
    );
  });

  it("the gate's file is read again when it changes or is swapped; a faulty one leaves the old one in use", async (t) => {
    const dir = await temporaryDirectory(t);
    const path = join(dir, 'gate.yaml');
    await writeFile(path, `${BASE}routes: []\n`);
    const changes: number[] = [];
    const wrong: unknown[] = [];
    const { text } = await loadGateFile(path);
    const stop = watchGateFile(path, {
      text,
      everyMs: 10,
      onChange: ({ routes }) => changes.push(routes.length),
      onFault: (error) => wrong.push(error),
    });
    t.after(stop);
    await writeFile(`${path}.new`, `${BASE}routes: [{match: {path: /a}}]\n`);
    await rename(`${path}.new`, path);
    await until('the change', 5000, () => changes.length === 1);
    await writeFile(`${path}.new`, 'routes: nonsense\n');
    await rename(`${path}.new`, path);
    await until('the fault', 5000, () => wrong.length > 0);
    await writeFile(`${path}.new`, `${BASE}routes: []\n`);
    await rename(`${path}.new`, path);
    await until('the second change', 5000, () => changes.length === 2);
    assert.deepEqual(changes, [1, 0]);
  });
});

describe('routes', () => {
  it('patterns of a route capture parts of path segments', () => {
    assert.deepEqual(pathPattern('/v1/models/{model}:predict').match('/v1/models/zoo:predict'), { model: 'zoo' });
    assert.equal(pathPattern('/v1/models/{model}:predict').match('/v1/models/a/b:predict'), undefined);
    assert.deepEqual(pathPattern('/a/*/c').match('/a/b/c'), {});
    assert.equal(pathPattern('/a/*').match('/a/b/c'), undefined);
    assert.deepEqual(pathPattern('/**').match('/a/b/c'), {});
    assert.equal(pathPattern('/a.b').match('/axb'), undefined);
  });

  it('other spellings of a path match the same route', () => {
    for (const spelling of [
      '/v1/x:predict',
      '/v1/x%3Apredict',
      '//v1//x:predict',
      '/a/../v1/./x:predict',
      '/v1/%78:predict?q=1',
    ])
      assert.equal(pathReadings(spelling)[0]?.path, '/v1/x:predict', spelling);
    assert.equal(pathReadings('/%zz')[0]?.path, '/%zz');
    assert.equal(pathReadings('/')[0]?.path, '/');
  });

  it('the first route that matches decides, and its tenant comes from the file, the path or a header', () => {
    const { routes } = parse(`${BASE}routes:
  - {match: {path: "/m/{model}"}, tenant: "{model}"}
  - {match: {path: "/m/**", methods: [GET]}, tenant: {header: X-Tenant, default: demo}}
`);
    const first = findRoute(routes, 'POST', '/m/zoo');
    assert.equal(first && tenantOf(first.route, first.pieces, {}), 'zoo');
    const second = findRoute(routes, 'GET', '/m/zoo');
    assert.equal(second && tenantOf(second.route, second.pieces, { 'x-tenant': 'vip' }), 'vip');
    assert.equal(second && tenantOf(second.route, second.pieces, {}), 'demo');
    assert.equal(findRoute(routes, 'TRACE', '/m/zoo'), undefined);
  });

  it('a target that servers read as different paths is gated if one of them is; the matched path is forwarded', () => {
    const { routes } = parse(`${BASE}routes:
  - {match: {path: "/classify"}, mode: enforce}
  - {match: {path: "/v1/models/{model}:predict"}, mode: enforce}
  - {match: {path: "/**"}, mode: shadow}
`);
    for (const target of [
      '/cl%61ssify',
      '/cl%2561ssify',
      '/x/..%2fclassify',
      '/x%2f..%2fclassify',
      '/%2e/classify',
      '/classify;v=1',
      '/classify/',
      '/CLASSIFY',
      '\\classify',
      '/x/..;a/classify',
      '//classify',
      '/%5cclassify',
      '/classify%00.png',
    ]) {
      const found = findRoute(routes, 'POST', `${target}?q=%61`);
      assert.equal(found?.route.name, '/classify', target);
      assert.ok(/^\/classify[/]?\?q=%61$/i.test(found.target), `${target} is sent on as ${found.target}`);
    }
    for (const same of ['/v1/models/a:predict', '/v1/models/a%2Fb:predict', '/v1/models/caf%C3%A9:predict?x=/../y'])
      assert.equal(findRoute(routes, 'POST', same)?.target, same);
    assert.equal(findRoute(routes, 'POST', '/cl%61ssify/%ff')?.route.name, '/**');
    assert.equal(findRoute(routes, 'POST', '/classify%ff')?.route.name, '/**');
  });

  it('the host of an absolute target does not affect the choice of a route', () => {
    assert.equal(originTarget('http://evil/x?y'), '/x?y');
    assert.equal(originTarget('http://evil'), '/');
    assert.equal(originTarget('http://evil?x'), '/?x');
    assert.equal(originTarget('*'), '*');
  });
});

it('the gate accepts the example of docs/gate.md', async () => {
  const document = await readFile(join(ROOT, 'docs/gate.md'), 'utf8');
  const example = /```yaml\n(# gate\.yaml[\s\S]*?)```/.exec(document)?.[1] as string;
  const { routes, audit } = parse(example);
  assert.deepEqual(
    routes.map((r) => [r.mode, r.batch, r.fail.undecodable]),
    [
      ['enforce', 'filter', 'closed'],
      ['enforce', 'any', 'closed'],
      ['shadow', 'any', 'closed'],
    ],
  );
  assert.equal(audit?.keep, 5);
});
