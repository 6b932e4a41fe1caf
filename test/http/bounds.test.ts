import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BodyBudget } from '../../src/http/bodies/budget.ts';
import { JsonScanner } from '../../src/http/bodies/json-scanner.ts';
import { testApp } from '../helpers/app.ts';

const KB = 1024;
const json = (url: string, method: 'POST' | 'PUT', payload: string) => ({
  method,
  url,
  headers: { 'content-type': 'application/json' },
  payload,
});

/** Values of parsed JSON as the scanner counts them: every element and member, and empty containers once more. */
function countOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  const members = Object.values(value);
  return members.length === 0 ? 2 : 1 + members.reduce((sum: number, member) => sum + countOf(member), 0);
}

describe('the scanner of JSON', () => {
  it('the JSON scanner counts the values of any JSON, cut into any chunks', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.array(fc.nat(40), { maxLength: 20 }), (value, cuts) => {
        const text = Buffer.from(JSON.stringify(value));
        const scanner = new JsonScanner(1e9);
        let at = 0;
        for (const cut of cuts) {
          assert.equal(scanner.write(text.subarray(at, at + cut)), undefined);
          at += cut;
        }
        scanner.write(text.subarray(at));
        assert.equal(scanner.values, countOf(value));
      }),
      { numRuns: 500 },
    );
  });

  it('quotes after backslashes end no string, at any end of a chunk', () => {
    const text = Buffer.from('["a\\\\\\",[[[,,,","\\\\",2]');
    for (let cut = 0; cut <= text.length; cut++) {
      const scanner = new JsonScanner(100);
      scanner.write(text.subarray(0, cut));
      scanner.write(text.subarray(cut));
      assert.equal(scanner.values, 4, String(cut));
    }
  });

  it('the JSON scanner reports the first value beyond a limit', () => {
    assert.equal(new JsonScanner(10).write(Buffer.from(`[${'0,'.repeat(9)}`)), 'values');
    assert.equal(new JsonScanner(1000).write(Buffer.from('['.repeat(33))), 'depth');
    assert.equal(new JsonScanner(1000).write(Buffer.from('[]'.repeat(33))), undefined);
  });
});

describe('bodies in memory', () => {
  it('bodies reserve memory of one budget and release it', () => {
    const budget = new BodyBudget(100);
    const first = budget.reserve(60);
    assert.throws(() => budget.reserve(50), { code: 'overloaded' });
    first.grow(30);
    assert.throws(() => first.grow(20), { code: 'overloaded' });
    first.release();
    first.release();
    assert.equal(budget.used, 0);
    budget.reserve(100);
  });

  it('answers 429 when requests in progress hold all memory for bodies, and serves again afterwards', async (t) => {
    const { app, engine } = await testApp(t, { maxBodyBytes: 1000, maxBodiesBytes: 1000, maxImageBytes: 1000 });
    let open = () => {};
    engine.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const send = () =>
      app.inject({
        method: 'POST',
        url: '/v1/detect',
        headers: { 'content-type': 'image/png', 'content-length': '600' },
        payload: Buffer.alloc(600, 1),
      });
    const held = send();
    while (engine.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const refused = await send();
    assert.equal(refused.statusCode, 429);
    assert.equal(refused.json().code, 'overloaded');
    open();
    assert.equal((await held).statusCode, 200);
    assert.equal((await send()).statusCode, 200);
  });
});

describe('a body that asks for millions of values', () => {
  const zeros = `[${'0,'.repeat(1_000_000)}0]`;
  const bodies: [string, 'POST' | 'PUT', string, string][] = [
    ['images that are numbers', 'POST', '/v1/detect', `{"images":${zeros}}`],
    ['another member', 'POST', '/v1/detect', `{"images":[],"x":${zeros}}`],
    ['empty objects', 'POST', '/v1/detect', `{"images":[${'{},'.repeat(700_000)}{}]}`],
    ['the same key again and again', 'POST', '/v1/detect', `{${'"images":0,'.repeat(200_000)}"images":0}`],
    ['lists in lists', 'POST', '/v1/detect', '['.repeat(2_000_000)],
    ['classes of a tenant', 'PUT', '/v1/tenants/a', `{"classes":${zeros}}`],
    ['templates of a tenant', 'PUT', '/v1/tenants/a', `{"classes":["a"],"templates":${zeros}}`],
    ['aliases of a class', 'POST', '/v1/tenants/a/check', `{"classes":[{"name":"a","aliases":${zeros}}]}`],
    ['scopes of a key', 'POST', '/v1/admin/keys', `{"name":"a","scopes":${zeros}}`],
    ['inputs', 'POST', '/v2/models/demo/infer', `{"inputs":${zeros}}`],
    ['outputs', 'POST', '/v2/models/demo/infer', `{"inputs":[],"outputs":[${'{},'.repeat(700_000)}{}]}`],
    [
      'data of an input',
      'POST',
      '/v2/models/demo/infer',
      `{"inputs":[{"name":"a","datatype":"FP32","shape":[1],"data":${zeros}}]}`,
    ],
  ];
  for (const [name, method, url, payload] of bodies) {
    it(`answers 400 within 16 KB to a body of millions of values: ${name}`, async (t) => {
      const { app, log } = await testApp(t, { maxBodyBytes: 20_000_000 });
      const response = await app.inject(json(url, method, payload));
      assert.equal(response.statusCode, 400);
      assert.match(response.body, /values|levels/);
      assert.ok(response.body.length < 16 * KB);
      for (const line of log) assert.ok(line.length <= 16 * KB);
    });
  }
});

describe('neither a reply nor a log line grows with the number of faults', () => {
  const long = 'x'.repeat(1_000_000);
  const bodies: [string, 'POST' | 'PUT', string, string][] = [
    ['a long member', 'POST', '/v1/detect', JSON.stringify({ images: [{ data: 'aaaa', [long]: 1 }] })],
    ['a long id', 'POST', '/v1/detect', JSON.stringify({ images: [{ data: 'aaaa', id: long }] })],
    ['a thousand faults', 'POST', '/v1/detect', JSON.stringify({ images: Array(900).fill(0) })],
    ['a long method', 'PUT', '/v1/tenants/a', JSON.stringify({ classes: ['a'], method: long })],
    [
      'long class names',
      'PUT',
      '/v1/tenants/a',
      JSON.stringify({ classes: Array(30).fill(`${long.slice(0, 20_000)}\u0007`) }),
    ],
    ['ten thousand wrong classes', 'PUT', '/v1/tenants/a', JSON.stringify({ classes: Array(10_000).fill(0) })],
    ['a long scope', 'POST', '/v1/admin/keys', JSON.stringify({ name: 'a', scopes: [long] })],
    ['a long output', 'POST', '/v2/models/demo/infer', JSON.stringify({ inputs: [], outputs: [{ name: long }] })],
    ['a long request id', 'POST', '/v2/models/demo/infer', JSON.stringify({ id: long, inputs: [] })],
    ['text that is not JSON', 'POST', '/v1/detect', long],
    ['a long path', 'POST', `/${long.slice(0, 12_000)}`, '{}'],
    ['a long tenant', 'PUT', `/v1/tenants/${long.slice(0, 12_000)}`, '{"classes":["a"]}'],
    ['a long query', 'POST', `/v1/detect?top_k=${long.slice(0, 12_000)}&tenant=${'%00'.repeat(1000)}`, '{}'],
  ];
  for (const [name, method, url, payload] of bodies) {
    it(`answers 4xx within 16 KB, and logs at most as much: ${name}`, async (t) => {
      const { app, log } = await testApp(t, { maxBodyBytes: 20_000_000 });
      const response = await app.inject(json(url, method, payload));
      assert.ok(response.statusCode >= 400 && response.statusCode < 500, String(response.statusCode));
      assert.ok(response.body.length < 16 * KB, `${response.body.length}`);
      assert.equal(response.json().status, response.statusCode);
      for (const line of log) assert.ok(Buffer.byteLength(line) <= 16 * KB);
    });
  }

  it('a reply lists at most twenty faults', async (t) => {
    const { app } = await testApp(t, { maxBodyBytes: 20_000_000 });
    const few = await app.inject(json('/v1/detect', 'POST', JSON.stringify({ images: [0, 0, 0] })));
    assert.equal(few.json().errors.length, 3);
    const many = await app.inject(json('/v1/detect', 'POST', JSON.stringify({ images: Array(100).fill(0) })));
    assert.equal(many.json().errors.length, 20);
  });
});
