import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testApp } from '../helpers/app.ts';
import { until } from '../helpers/service.ts';

const put = (id: string, classes: unknown[], headers: Record<string, string> = {}) => ({
  method: 'PUT' as const,
  url: `/v1/tenants/${id}`,
  payload: { classes },
  headers: { 'content-type': 'application/json', ...headers },
});
const many = (n: number, name = 'class') => Array.from({ length: n }, (_, i) => `${name} ${i}`);
const ASYNC = { prefer: 'respond-async' };

/** Events of a stream, as a browser would read them. */
function parse(body: string): { event: string; data: Record<string, unknown> }[] {
  return body
    .split('\n\n')
    .filter((block) => block.includes('event: '))
    .map((block) => ({
      event: /^event: (.*)$/m.exec(block)?.[1] as string,
      data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] as string),
    }));
}

describe('builds of a tenant', () => {
  it('GET of a build shows percent, texts, rate and remaining time, then ready', async (t) => {
    const { app, builder } = await testApp(t);
    const release = builder.hold(10);
    await app.inject(put('slow', many(30), ASYNC));
    const progress = async () => (await app.inject('/v1/tenants/slow/build')).json();
    await until('there is a rate', 10_000, async () => (await progress()).texts_per_second !== null);
    const half = await progress();
    assert.deepEqual([half.tenant, half.version, half.state, half.serving_version], ['slow', 1, 'building', null]);
    assert.equal(half.total, 120);
    assert.ok(half.done > 0 && half.done < 120, `${half.done}`);
    assert.equal(half.percent, Math.floor((100 * half.done) / 120));
    assert.ok(half.texts_per_second > 0);
    // both are rounded to a tenth
    const [fast, slow] = [0.05, -0.05].map((d) => (120 - half.done) / (half.texts_per_second + d)) as [number, number];
    assert.ok(half.eta_seconds >= fast - 0.05 && half.eta_seconds <= slow + 0.05, JSON.stringify(half));
    release();
    await until('ready', 10_000, async () => (await progress()).state === 'ready');
    const done = await progress();
    assert.deepEqual([done.done, done.percent, done.serving_version], [120, 100, 1]);
    assert.equal((await app.inject('/v1/tenants/nobody/build')).json().code, 'tenant_not_found');
  });

  it("a build's progress is sent as server-sent events until it is ready", async (t) => {
    const { app, builder } = await testApp(t);
    builder.delayMs = 15;
    await app.inject(put('slow', many(30), ASYNC));
    const response = await app.inject('/v1/tenants/slow/build/events');
    assert.equal(response.headers['content-type'], 'text/event-stream');
    const events = parse(response.body);
    assert.ok(events.length >= 3, response.body);
    assert.ok(events.slice(0, -1).every(({ event }) => event === 'progress'));
    const done = events.map(({ data }) => data['done'] as number);
    assert.deepEqual(
      done,
      [...done].sort((a, b) => a - b),
      'it only ever rises',
    );
    assert.deepEqual([events.at(-1)?.event, events.at(-1)?.data['percent']], ['ready', 100]);
    assert.equal((await app.inject('/v1/tenants/nobody/build/events')).statusCode, 404);
  });

  it('the stream of a build ends when the tenant is removed, and when the service shuts down', async (t) => {
    const { app, builder } = await testApp(t);
    builder.hold();
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    await app.inject(put('slow', many(100), ASYNC));
    // the head of the answer says that the stream is open
    const watching = await fetch(`${url}/v1/tenants/slow/build/events`);
    await app.inject({ method: 'DELETE', url: '/v1/tenants/slow' });
    assert.equal(parse(await watching.text()).at(-1)?.event, 'removed');
    await app.inject(put('other', many(100, 'other'), ASYNC));
    const closing = await fetch(`${url}/v1/tenants/other/build/events`);
    app.lifecycle.draining = true;
    assert.equal(parse(await closing.text()).at(-1)?.event, 'closing');
  });

  it('DELETE cancels a build, the old version continues to serve, and PUT builds again', async (t) => {
    const { app, builder, registry } = await testApp(t);
    await app.inject(put('zoo', ['dog', 'cat']));
    const release = builder.hold();
    await app.inject(put('zoo', many(100), ASYNC));
    const cancelled = await app.inject({ method: 'DELETE', url: '/v1/tenants/zoo/build' });
    assert.equal(cancelled.statusCode, 200);
    assert.deepEqual(
      [cancelled.json().state, cancelled.json().version, cancelled.json().serving_version],
      ['cancelled', 2, 1],
    );
    const built = builder.built.length;
    release();
    await until('the build has ended', 10_000, () => builder.running === 0);
    assert.equal(builder.built.length, built, 'nothing is encoded any more');
    assert.deepEqual(registry.resolve('zoo').classes, ['dog', 'cat']);
    const again = await app.inject({ method: 'DELETE', url: '/v1/tenants/zoo/build' });
    assert.equal(again.statusCode, 200, 'cancelling twice is cancelling');
    const resumed = await app.inject(put('zoo', many(100)));
    assert.deepEqual([resumed.statusCode, resumed.json().version, resumed.json().serving_version], [200, 3, 3]);
    const none = await app.inject({ method: 'DELETE', url: '/v1/tenants/zoo/build' });
    assert.deepEqual([none.statusCode, none.json().code], [409, 'no_build']);
  });

  it('a rollback makes the last built version a new version without encoding anything', async (t) => {
    const { app, builder } = await testApp(t);
    const roll = { method: 'POST' as const, url: '/v1/tenants/zoo/rollback' };
    assert.equal((await app.inject(roll)).json().code, 'tenant_not_found');
    await app.inject(put('zoo', ['dog']));
    assert.deepEqual([(await app.inject(roll)).json().code], ['no_previous_version']);
    const two = await app.inject(put('zoo', ['cat', 'bird']));
    assert.equal(two.json().previous_version, 1);
    // a version that was never whole is not what one wants back
    builder.hold();
    await app.inject(put('zoo', many(100), ASYNC));
    const before = builder.built.length;
    const back = await app.inject(roll);
    assert.equal(back.statusCode, 200);
    assert.deepEqual([back.json().version, back.json().definition.classes], [4, ['cat', 'bird']]);
    assert.ok(builder.built.length === before, 'the features were still there');
    const stale = await app.inject({ ...roll, headers: { 'if-match': String(two.headers['etag']) } });
    assert.equal(stale.json().code, 'precondition_failed');
  });

  it('a conditional GET of a tenant gets 304 only while neither definition nor state has changed', async (t) => {
    const { app, builder } = await testApp(t);
    builder.delayMs = 30;
    const accepted = await app.inject(put('zoo', ['dog', 'cat'], ASYNC));
    const building = String(accepted.headers['etag']);
    await until('ready', 5000, async () => (await app.inject('/v1/tenants/zoo')).json().state === 'ready');
    const get = (tag: string) => app.inject({ url: '/v1/tenants/zoo', headers: { 'if-none-match': tag } });
    const ready = await get(building);
    assert.equal(ready.statusCode, 200, 'who saw it being built hears that it is ready');
    const tag = String(ready.headers['etag']);
    const unchanged = await get(tag);
    assert.deepEqual([unchanged.statusCode, unchanged.body, unchanged.headers['etag']], [304, '', tag]);
    assert.equal((await get(`"x", W/${tag}`)).statusCode, 304);
    assert.equal((await app.inject(put('zoo', ['dog'], { 'if-match': building }))).statusCode, 200);
    assert.equal((await get(tag)).statusCode, 200);
  });
});

describe('the list', () => {
  it('the list of tenants is filtered by prefix, state, class and source, and paged within the filter', async (t) => {
    const { app, builder, registry } = await testApp(t);
    for (const id of ['eu-1', 'eu-2', 'eu-3', 'us-1'])
      await app.inject(put(id, ['dog', { name: 'cat', aliases: ['puss'] }]));
    await registry.put('from-file', { classes: ['dog'] }, { waitMs: 1000, source: 'from-file.yaml' });
    builder.hold();
    await app.inject(put('eu-slow', many(50), ASYNC));
    const ids = async (query: string) => {
      const { tenants, next } = (await app.inject(`/v1/tenants?${query}`)).json();
      return [tenants.map((x: { tenant: string }) => x.tenant).join(), next];
    };
    assert.deepEqual(await ids('prefix=eu-&limit=2'), ['eu-1,eu-2', 'eu-2']);
    assert.deepEqual(await ids('prefix=eu-&limit=2&after=eu-2'), ['eu-3,eu-slow', null]);
    assert.deepEqual(await ids('state=building'), ['eu-slow', null]);
    assert.deepEqual(await ids('class=cat&prefix=us'), ['us-1', null]);
    assert.deepEqual(await ids('class=puss'), ['', null]);
    assert.deepEqual(await ids('source=file'), ['from-file', null]);
    assert.equal((await app.inject('/v1/tenants?state=great')).statusCode, 400);
    const summary = (await app.inject('/v1/tenants?source=file')).json().tenants[0];
    assert.equal(summary.source, 'from-file.yaml');
  });
});
