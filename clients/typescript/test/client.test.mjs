/** Run from an empty folder in which the package is installed, against the service at CLIPN_TEST_URL: .ci/clients */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { it } from 'node:test';
import { createKey, detect, detectFile, GateError, gateClient, getTenant, putTenant, rollBackTenant } from '@clipn-gate/client';

const { CLIPN_TEST_URL: baseUrl, CLIPN_TEST_KEY: apiKey, CLIPN_TEST_SAMPLES: samples } = process.env;
const client = gateClient({ baseUrl, apiKey });

/** A service that refuses the first requests, then answers. */
async function refusing(t, times, status, headers = { 'retry-after': '2' }) {
  const bodies = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    bodies.push(body);
    const refused = bodies.length <= times;
    response.writeHead(refused ? status : 200, { 'content-type': 'application/json', ...(refused ? headers : {}) });
    response.end(JSON.stringify(refused ? { code: 'overloaded', status, detail: 'full' } : { results: [] }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const waits = [];
  const sleep = async (ms) => void waits.push(ms);
  return { client: gateClient({ baseUrl: `http://127.0.0.1:${server.address().port}`, sleep }), bodies, waits };
}

it('a registered tenant judges a photograph', async () => {
  const classes = ['cat', 'pizza'];
  const { data } = await putTenant({ client, path: { tenant: 'npm' }, body: { classes }, throwOnError: true });
  assert.equal(data.state, 'ready');
  const cat = await detectFile(client, `${samples}/cat.jpg`, { tenant: 'npm' });
  assert.deepEqual([cat.id, cat.decision, cat.prediction.class], ['cat.jpg', 'id', 'cat']);
  const coffee = await detectFile(client, `${samples}/coffee.jpg`, { tenant: 'npm' });
  assert.equal(coffee.decision, 'ood');
});

it('an error of the service is a GateError with its code', async () => {
  const path = { tenant: 'nobody' };
  const named = (code, status) => (error) => error instanceof GateError && error.code === code && error.status === status;
  await assert.rejects(getTenant({ client, path, throwOnError: true }), named('tenant_not_found', 404));
  await assert.rejects(detectFile(client, new Blob(['no image'])), named('unsupported_media_type', 415));
  const { error } = await getTenant({ client: gateClient({ baseUrl }), path });
  assert.equal(error.code, 'unauthenticated');
});

it('a request for verdicts that gets 429 or 503 is sent again after Retry-After, with its body', async (t) => {
  for (const status of [429, 503]) {
    const { client, bodies, waits } = await refusing(t, 2, status);
    const { data } = await detect({ client, body: { images: [{ data: 'AAAA' }] }, throwOnError: true });
    assert.deepEqual(data, { results: [] });
    assert.deepEqual(waits, [2000, 2000]);
    assert.deepEqual(bodies, Array(3).fill('{"images":[{"data":"AAAA"}]}'));
  }
});

it('repetitions are bounded in number and in time', async (t) => {
  const body = { images: [{ data: 'AAAA' }] };
  const often = await refusing(t, 99, 503);
  assert.equal((await detect({ client: often.client, body })).error.status, 503);
  assert.equal(often.bodies.length, 4);
  const long = await refusing(t, 99, 429, { 'retry-after': '61' });
  await detect({ client: long.client, body });
  assert.equal(long.bodies.length, 1);
  const never = await refusing(t, 99, 429, {});
  await detect({ client: never.client, body });
  assert.equal(never.bodies.length, 1);
});

it('a request that is not safe to repeat is sent once', async (t) => {
  const { client, bodies } = await refusing(t, 99, 503);
  await createKey({ client, body: { name: 'a', scopes: ['admin'] } });
  await rollBackTenant({ client, path: { tenant: 'zoo' } });
  await putTenant({ client, path: { tenant: 'zoo' }, body: { classes: ['a'] }, headers: { 'if-match': '"1"' } });
  assert.equal(bodies.length, 3);
});
