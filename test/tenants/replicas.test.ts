import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { PostgresServer, withoutPostgres } from '../helpers/postgres.ts';
import { putTenant, type Service, sendImage, startService, until } from '../helpers/service.ts';

/** OUTAGE_SECONDS=30 CHANGES=50 LARGE=2000 node --import tsx --test test/tenants/replicas.test.ts is the long run; it prints what it measures. */
const OUTAGE_MS = 1000 * Number(process.env['OUTAGE_SECONDS'] ?? 2);
const CHANGES = Number(process.env['CHANGES'] ?? 6);

/** Classes of the tenant whose build moves: several times what is kept at once. */
const LARGE = Number(process.env['LARGE'] ?? 600);

const skip = withoutPostgres;

interface TenantBody {
  state: string;
  version: number;
  serving_version: number | null;
  progress: { done: number; total: number };
  definition: { classes: string[] };
}
const show = async ({ url }: Service, id: string) =>
  (await (await fetch(`${url}/v1/tenants/${id}`)).json()) as TenantBody;
const serves = (service: Service, id: string, version: number) => async () =>
  (await show(service, id)).serving_version === version;

/** Texts that this process has encoded since it started. */
async function encoded({ url }: Service): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const counts = [...metrics.matchAll(/^clipn_texts_encoded_total\{[^}]*\} (\d+)/gm)].map((m) => Number(m[1]));
  return counts.reduce((a, b) => a + b, 0);
}

/** Whether the database answers, as the metrics say, and the operations that it failed. */
async function store({ url }: Service): Promise<{ up: string | undefined; failures: number }> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string) => new RegExp(`^${name}\\{store="database"\\} (\\S+)`, 'm').exec(metrics)?.[1];
  return { up: value('clipn_store_up'), failures: Number(value('clipn_store_failures_total')) };
}

/** A client of each service that sends one image after the other. */
function load(services: Service[], image: Uint8Array) {
  let running = true;
  const statuses: Record<string, number> = {};
  const clients = services.map(async ({ url }) => {
    while (running) {
      const status = await sendImage(url, image, '?tenant=zoo').then(
        async (r) => {
          await r.arrayBuffer();
          return String(r.status);
        },
        () => 'no connection',
      );
      statuses[status] = (statuses[status] ?? 0) + 1;
      // leaves the machine something for the builds, whatever it has
      await sleep(20);
    }
  });
  return async () => {
    running = false;
    await Promise.all(clients);
    return statuses;
  };
}

const names = (prefix: string, n: number) => Array.from({ length: n }, (_, i) => `${prefix} ${i}`);

describe(`three processes on one PostgreSQL, under load${skip ? ` (skipped: ${skip})` : ''}`, { skip }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server?.stop());

  it('changes spread, builds run once and move when their replica ends, and an outage of the database loses nothing', async (t) => {
    const env = { CLIPN_STORE: await server.database(), CLIPN_THREADS: '1', CLIPN_LOG_LEVEL: 'info' };
    const start = async () => startService(t, await temporaryDirectory(t), env);
    const [a, b, c] = await Promise.all([start(), start(), start()]);
    const acknowledged = new Map<string, string[]>();
    const put = async (service: Service, id: string, classes: string[]) => {
      const response = await putTenant(service.url, id, { classes });
      const body = (await response.json()) as TenantBody;
      if (response.ok) acknowledged.set(id, classes);
      return { status: response.status, body };
    };
    assert.equal((await put(a, 'zoo', ['dog', 'cat'])).status, 201);
    for (const service of [b, c]) await until('all serve zoo', 10_000, serves(service, 'zoo', 1));
    const image = await waves(200, 150, 3).jpeg().toBuffer();
    let stop = load([a, b, c], image);

    const spread: number[] = [];
    for (let i = 0; i < CHANGES; i++) {
      const writer = [a, b, c][i % 3] as Service;
      const { status, body } = await put(writer, 'zoo', ['dog', 'cat', `animal ${i}`]);
      assert.equal(status, 200);
      const answered = performance.now();
      for (const service of [a, b, c]) await until('all serve it', 10_000, serves(service, 'zoo', body.version));
      spread.push(performance.now() - answered);
    }
    t.diagnostic(`a change served by all, ms after its answer: ${spread.map(Math.round).sort((x, y) => x - y)}`);

    const before = await Promise.all([a, b, c].map(encoded));
    const once = await put(b, 'once', names('thing', 50));
    assert.ok(once.status < 300);
    for (const service of [a, b, c]) await until('all serve it', 60_000, serves(service, 'once', 1));
    const counts = (await Promise.all([a, b, c].map(encoded))).map((n, i) => n - (before[i] as number));
    const { total } = (await show(b, 'once')).progress;
    t.diagnostic(`${total} texts, encoded by the three processes: ${counts}`);
    assert.equal(
      counts.reduce((x, y) => x + y, 0),
      total,
      'each text once, by one of them',
    );
    const statuses = await stop();
    t.diagnostic(`answers under load: ${JSON.stringify(statuses)}`);
    assert.deepEqual(Object.keys(statuses), ['200']);

    // the replica that builds dies
    const big = await fetch(`${a.url}/v1/tenants/big`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', prefer: 'respond-async' },
      body: JSON.stringify({ classes: names('large thing', LARGE) }),
    });
    assert.equal(big.status, 202);
    acknowledged.set('big', names('large thing', LARGE));
    await until('a part is built', 600_000, async () => (await show(a, 'big')).progress.done > 6 * 256);
    a.child.kill('SIGKILL');
    const killed = performance.now();
    stop = load([b, c], image);
    for (const service of [b, c]) await until('the others serve it', 600_000, serves(service, 'big', 1));
    const rest = (await Promise.all([b, c].map(encoded))).map(
      (n, i) => n - (counts[i + 1] as number) - (before[i + 1] as number),
    );
    t.diagnostic(`the build moved and was complete ${Math.round(performance.now() - killed)} ms after the kill`);
    t.diagnostic(`texts encoded after it: ${rest} of ${(await show(b, 'big')).progress.total}`);
    assert.ok(rest.includes(0), 'one of them did it');

    const sound = await Promise.all([b, c].map(store));
    assert.deepEqual(
      sound.map(({ up }) => up),
      ['1', '1'],
    );
    await server.halt();
    const down = performance.now();
    const refused = new Set<string>();
    while (performance.now() - down < OUTAGE_MS) {
      for (const service of [b, c]) {
        const { status, body } = await put(service, 'during', ['never']);
        refused.add(`${status} ${(body as unknown as { code: string }).code}`);
        assert.equal((await show(service, 'zoo')).state, 'ready');
      }
      await sleep(100);
    }
    assert.deepEqual([...refused], ['503 store_unavailable']);
    for (const [i, service] of [b, c].entries()) {
      await until('the metric says that the database is down', 10_000, async () => (await store(service)).up === '0');
      assert.ok((await store(service)).failures > (sound[i]?.failures as number), 'failed operations are counted');
      assert.equal((await fetch(`${service.url}/readyz`)).status, 200, 'images are still answered');
    }
    await server.resume();
    const up = performance.now();
    for (const service of [b, c])
      await until('the metric says that it is back', 10_000, async () => (await store(service)).up === '1');
    await until('writes work', 30_000, async () => (await put(b, 'zoo', ['dog', 'wolf'])).status === 200);
    const { version } = await show(b, 'zoo');
    await until('the other has caught up', 30_000, serves(c, 'zoo', version));
    t.diagnostic(`caught up ${Math.round(performance.now() - up)} ms after an outage of ${OUTAGE_MS / 1000} s`);
    const outage = await stop();
    t.diagnostic(`answers during the move and the outage: ${JSON.stringify(outage)}`);
    assert.deepEqual(Object.keys(outage), ['200'], 'detection continued from memory');

    const fresh = await start();
    assert.equal(await encoded(fresh), 0, 'a new replica starts warm');
    for (const service of [b, c, fresh]) {
      for (const [id, classes] of acknowledged) {
        const { definition, state } = await show(service, id);
        assert.deepEqual([definition.classes, state], [classes, 'ready'], id);
      }
    }
  });
});
