import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { AuditRecord } from '../../src/gate/audit/record.ts';
import { parseGateFile } from '../../src/gate/index.ts';
import { testApp } from '../helpers/app.ts';
import { image, WordEngine } from '../helpers/gate.ts';
import { grpcClient, listeningGrpc } from '../helpers/grpc.ts';

interface Sent {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
  raw_body?: Buffer;
  size?: number;
  header_map?: object;
}

async function authorization(t: TestContext, file?: object, access: Parameters<typeof testApp>[2] = {}) {
  const settings = file && parseGateFile(JSON.stringify({ upstream: { url: 'http://x' }, ...file }), 'test');
  const trail: Omit<AuditRecord, 'bundle'>[] = [];
  const test = await testApp(t, {}, access, undefined, {
    ...(settings && { gate: { settings: () => settings, audit: () => ({ write: (r) => void trail.push(r) }) } }),
  });
  const words = new WordEngine();
  test.engine.detect = (request, signal) => words.detect(request, signal);
  const { address } = await listeningGrpc(t, test.app);
  const { call } = grpcClient(t, address, 'Authorization');
  const check = (http: Sent, context: Record<string, string> = {}, metadata: Record<string, string> = {}) =>
    call(
      'Check',
      {
        attributes: {
          source: { address: { socket_address: { address: '10.1.2.3', port_value: 5 } } },
          request: { http: { method: 'POST', path: '/predict', ...http } },
          context_extensions: context,
        },
      },
      { metadata },
    );
  return { ...test, words, check, trail };
}

const jpeg = (word: string): Sent => ({ headers: { 'content-type': 'image/jpeg' }, raw_body: image(word) });
const named = (options: { header: { key: string; value: string } }[]) =>
  Object.fromEntries(options.map(({ header }) => [header.key, header.value]));

describe('envoy.service.auth.v3.Authorization over gRPC', () => {
  it('an ID request passes with headers, and loses those of the gate that its client sent', async (t) => {
    const { check } = await authorization(t);
    const forged = { 'x-clipn-verdict': 'id', 'x-clipn-other': '1', x_clipn_verdict: 'id' };
    const { message } = await check({ ...jpeg('ID'), headers: { ...jpeg('ID').headers, ...forged } });
    assert.equal(message.status.code, 0);
    const { headers, headers_to_remove, response_headers_to_add } = message.ok_response;
    assert.equal(named(headers)['x-clipn-verdict'], 'id');
    assert.ok(headers.every((option: { append_action: number }) => option.append_action === 2));
    assert.deepEqual(headers_to_remove.sort(), ['x-clipn-other', 'x_clipn_verdict']);
    assert.deepEqual(named(response_headers_to_add), named(headers));
    const none = await check({ method: 'GET', headers: forged });
    assert.deepEqual(none.message.ok_response.headers_to_remove.sort(), Object.keys(forged).sort());
  });

  it('an OOD request is denied with 403, the body of the policy and its type', async (t) => {
    const { check, metrics } = await authorization(t);
    const { message } = await check(jpeg('OOD'));
    assert.deepEqual([message.status.code, message.denied_response.status.code], [7, 403]);
    const fields = named(message.denied_response.headers);
    assert.deepEqual([fields['content-type'], fields['x-clipn-verdict']], ['application/problem+json', 'ood']);
    assert.equal(JSON.parse(message.denied_response.body).code, 'out_of_distribution');
    const text = await metrics.registry.metrics();
    assert.match(text, /clipn_gate_requests_total\{tenant="demo",mode="enforce",verdict="ood",action="reject"\} 1/);
  });

  it('without a verdict the call fails with UNAVAILABLE, except for what the body itself causes', async (t) => {
    const { check } = await authorization(t);
    for (const word of ['DOWN', 'BUSY', 'LATE']) {
      const { status, code } = await check(jpeg(word));
      assert.deepEqual([status, code], [14, 'engine_unavailable'], word);
    }
    assert.equal((await check(jpeg('BAD'))).message.denied_response.status.code, 403);
  });

  it('the tenant comes from the proxy, never from the client', async (t) => {
    const { check, registry } = await authorization(t);
    await registry.put('zoo', { classes: ['lion', 'tiger'] }, { waitMs: 1000 });
    const tenant = async (...args: Parameters<typeof check>) =>
      named((await check(...args)).message.ok_response.headers)['x-clipn-tenant'];
    const client = { ...jpeg('ID'), headers: { ...jpeg('ID').headers, 'x-clipn-tenant': 'zoo' } };
    assert.equal(await tenant(client), 'demo');
    assert.equal(await tenant(jpeg('ID'), {}, { 'x-clipn-tenant': 'zoo' }), 'zoo');
    assert.equal(await tenant(client, { 'x-clipn-tenant': 'zoo' }, { 'x-clipn-tenant': 'demo' }), 'zoo');
  });

  it('routes of the gate file apply, with shadow and the audit trail', async (t) => {
    const { check, trail } = await authorization(t, {
      routes: [
        { name: 'r', match: { path: '/predict' }, mode: 'enforce', tenant: { header: 'x-team', default: 'demo' } },
        { name: 's', match: { path: '/shadow' }, mode: 'shadow' },
      ],
    });
    assert.equal((await check(jpeg('OOD'))).message.denied_response.status.code, 403);
    const team = { ...jpeg('ID'), headers: { 'content-type': 'image/jpeg', 'x-team': 'nobody' } };
    assert.equal((await check(team)).status, 14);
    const { message } = await check({ ...jpeg('OOD'), path: '/shadow' });
    assert.deepEqual([message.status.code, message.ok_response.headers], [0, []]);
    assert.equal((await check({ ...jpeg('OOD'), path: '/elsewhere' })).message.status.code, 0);
    assert.deepEqual(
      trail.map(({ route, verdict }) => [route, verdict]),
      [
        ['r', 'ood'],
        ['r', 'none'],
        ['s', 'ood'],
      ],
    );
  });

  it('a body that was not sent, sent in part or altered is not judged as complete', async (t) => {
    const { check, metrics } = await authorization(t);
    const denied = async (sent: Sent) => (await check(sent)).message?.denied_response?.status.code;
    assert.equal(await denied({ headers: { 'content-length': '500' } }), 403);
    assert.equal(await denied({ headers: { 'transfer-encoding': 'chunked' } }), 403);
    assert.equal(await denied({ headers: {}, size: 500 }), 403);
    assert.equal(await denied({ headers: {}, body: 'a!b' }), 403);
    assert.equal((await check({ headers: { 'content-length': '500' }, raw_body: image('ID') })).status, 14);
    assert.equal(
      (await check({ headers: { 'content-length': '0', 'content-type': 'image/jpeg' } })).message.status.code,
      0,
    );
    assert.equal((await check({ headers: {}, size: -1 })).message.status.code, 0);
    const text = await metrics.registry.metrics();
    for (const [kind, times] of [
      ['missing', 3],
      ['altered', 1],
      ['partial', 1],
    ])
      assert.ok(text.includes(`clipn_gate_incomplete_bodies_total{kind="${kind}"} ${times}`), text);
  });

  it('headers are also read from header_map, with their raw values', async (t) => {
    const { check } = await authorization(t);
    const headers = [
      { key: ':method', value: 'POST' },
      { key: 'content-type', raw_value: Buffer.from('image/jpeg') },
      { key: 'x-clipn-verdict', value: 'id' },
    ];
    const { message } = await check({ header_map: { headers }, raw_body: image('OOD') });
    assert.equal(message.denied_response.status.code, 403);
  });

  it('a key for the tenant is needed, and an empty question is answered', async (t) => {
    const { check, access } = await authorization(t, undefined, { mode: 'keys' });
    assert.equal((await check(jpeg('ID'))).status, 16);
    const bearer = async (scope: string) => ({ authorization: (await access.key([scope])).headers.authorization });
    assert.equal((await check(jpeg('ID'), {}, await bearer('detect:other'))).code, 'forbidden');
    assert.equal((await check(jpeg('ID'), {}, await bearer('detect:demo'))).message.status.code, 0);
    assert.equal((await check({ method: '', path: '' }, {}, await bearer('detect:demo'))).message.status.code, 0);
  });
});
