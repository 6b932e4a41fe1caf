import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Destination, EventPublisher, EventSecrets, type GivenVerdict } from '../../src/events/index.ts';
import type { PublisherOptions } from '../../src/events/publisher.ts';
import { AllowList } from '../../src/outgoing/allow-list.ts';
import type { Resolve } from '../../src/outgoing/send.ts';
import { until } from '../helpers/service.ts';
import { expectedSignature, SECRET, webhook } from '../helpers/webhook.ts';

const verdict = (n: number, decision: 'id' | 'ood' = 'ood', tenant = 'zoo'): GivenVerdict => ({
  tenant,
  serving: { version: 3, classes: ['lion', 'tiger'], model: { name: 'fake', version: '1' } },
  interface: 'detect',
  requestId: `request-${n}`,
  index: n,
  method: 'ctw',
  decision,
  detection: {
    index: 1,
    probability: 0.5,
    noProbability: 0.25,
    oodProbability: 0.75,
    decisions: { ctw: decision, atd: 'id', atd_rescaled: 'id' },
    scores: { ctw: 0.1, atd: 0.2, msp: 0.3, max_logit: 0.4, energy: 0.5, mcm: 0.6 },
    top: [],
    image: { sha256: 'ab'.repeat(32), width: 8, height: 6, format: 'png', frames: 1 },
    timing: { decode: 1, queue: 1, inference: 1 },
    cache: 'miss',
  },
});

interface Setup extends Partial<PublisherOptions> {
  /** Destination of each tenant; may be changed by the test. */
  destinations: Record<string, Destination>;
  urls?: string;
}

function publisher(t: TestContext, { destinations, urls, ...options }: Setup) {
  const folder = mkdtempSync(join(tmpdir(), 'events-'));
  writeFileSync(join(folder, 'default'), `${SECRET}\n`);
  const counts: Record<string, number> = {};
  const count = (name: string, n: number) => {
    counts[name] = (counts[name] ?? 0) + n;
  };
  const log: { message: string; details: Record<string, unknown> }[] = [];
  const allowed = Object.values(destinations).map(({ url }) => new URL(url).origin);
  const made = new EventPublisher({
    destinationOf: (tenant) => destinations[tenant],
    list: new AllowList(urls ?? allowed.join(',')),
    secrets: new EventSecrets(folder),
    limits: { maxEvents: 1000, maxBytes: 1_000_000 },
    batchMs: 20,
    timeoutMs: 5000,
    maxAgeMs: 60_000,
    observer: {
      queued: () => {},
      delivered: (tenant, n) => count(`${tenant} delivered`, n),
      dropped: (tenant, reason, n) => count(`${tenant} ${reason}`, n),
      attempted: (tenant, outcome) => count(`${tenant} attempt ${outcome}`, 1),
      log: (_level, message, details) => log.push({ message, details }),
    },
    ...options,
  });
  t.after(async () => {
    await made.close(0);
    rmSync(folder, { recursive: true });
  });
  const publish = (from: number, to: number, tenant = 'zoo') => {
    for (let n = from; n < to; n++) made.publish(verdict(n, 'ood', tenant));
  };
  return { publisher: made, publish, counts, log, folder };
}

const placesOf = (events: { data: Record<string, unknown> }[]) => events.map(({ data }) => data['index']);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('events', () => {
  it('are sent in order, in batches of at most 100, signed, with nothing of the image but its hash', async (t) => {
    const receiver = await webhook(t);
    const { publish, counts } = publisher(t, { destinations: { zoo: { url: `${receiver.url}/hook?x=1` } } });
    publish(0, 250);
    await until('all are delivered', 5000, () => counts['zoo delivered'] === 250);
    assert.deepEqual(placesOf(receiver.events()), range(0, 250));
    assert.ok(receiver.batches.every(({ events }) => events.length <= 100));
    assert.ok(receiver.batches.length <= 4, `${receiver.batches.length} requests`);
    for (const batch of receiver.batches) {
      assert.equal(batch.path, '/hook?x=1');
      assert.equal(batch.headers['content-type'], 'application/cloudevents-batch+json; charset=utf-8');
      assert.ok(Buffer.byteLength(batch.body) < 100_000);
      assert.equal(batch.headers['webhook-signature'], expectedSignature(batch));
      assert.ok(Math.abs(Number(batch.headers['webhook-timestamp']) - Date.now() / 1000) < 60);
    }
    const [first] = receiver.events();
    const { id, time, ...rest } = first as unknown as Record<string, unknown>;
    assert.ok(new Date(String(time)).toISOString() === time && String(id).length === 36);
    assert.deepEqual(rest, {
      specversion: '1.0',
      source: '/v1/tenants/zoo',
      type: 'clipn-gate.verdict.ood',
      subject: 'ab'.repeat(32),
      datacontenttype: 'application/json',
      data: {
        tenant: 'zoo',
        tenant_version: 3,
        model: { name: 'fake', version: '1' },
        interface: 'detect',
        request_id: 'request-0',
        index: 0,
        decision: 'ood',
        method: 'ctw',
        prediction: { class: 'tiger', index: 1, probability: 0.5 },
        no_probability: 0.25,
        ood_probability: 0.75,
        decisions: { ctw: 'ood', atd: 'id', atd_rescaled: 'id' },
        scores: { ctw: 0.1, atd: 0.2, msp: 0.3, max_logit: 0.4, energy: 0.5, mcm: 0.6 },
        image: { sha256: 'ab'.repeat(32), width: 8, height: 6, format: 'png' },
      },
    });
    assert.equal(new Set(receiver.events().map((event) => event.id)).size, 250);
  });

  it('are OOD verdicts unless the tenant asks for all, and none without a destination', async (t) => {
    const receiver = await webhook(t);
    const { publisher: made, counts } = publisher(t, {
      destinations: { zoo: { url: `${receiver.url}/zoo` }, all: { url: `${receiver.url}/all`, on: 'all' } },
    });
    for (const tenant of ['zoo', 'all', 'none'])
      for (const decision of ['id', 'ood'] as const) made.publish(verdict(0, decision, tenant));
    await until('three are delivered', 5000, () => receiver.events().length === 3);
    const sent = receiver.events().map(({ source, type }) => `${source} ${type}`);
    assert.deepEqual(sent.sort(), [
      '/v1/tenants/all clipn-gate.verdict.id',
      '/v1/tenants/all clipn-gate.verdict.ood',
      '/v1/tenants/zoo clipn-gate.verdict.ood',
    ]);
    await until('they are counted', 5000, () => (counts['all delivered'] ?? 0) + (counts['zoo delivered'] ?? 0) === 3);
    assert.deepEqual(made.state, { events: 0, bytes: 0, oldestSeconds: 0 });
  });

  it('are tried again after 503, with the same id, not earlier than Retry-After asks', async (t) => {
    const times: number[] = [];
    const receiver = await webhook(t, (response, n) => {
      times.push(Date.now());
      if (n === 1) response.writeHead(503, { 'retry-after': '1' }).end('busy');
      else response.writeHead(200).end('ok');
    });
    const { publish, counts, log } = publisher(t, { destinations: { zoo: { url: receiver.url } } });
    publish(0, 3);
    await until('they are delivered', 10_000, () => counts['zoo delivered'] === 3);
    const [first, second] = receiver.batches;
    assert.ok((times[1] as number) - (times[0] as number) >= 999);
    assert.equal(first?.headers['webhook-id'], second?.headers['webhook-id']);
    assert.equal(first?.body, second?.body);
    assert.equal(second?.headers['webhook-signature'], second && expectedSignature(second));
    assert.deepEqual([counts['zoo attempt failed'], counts['zoo attempt delivered']], [1, 1]);
    assert.deepEqual(
      log.map(({ message }) => message),
      ['events cannot be delivered, trying again', 'events are delivered again'],
    );
  });

  it('of a receiver that does not answer are dropped, oldest first, and counted; another tenant within its share loses none', async (t) => {
    const receiver = await webhook(t);
    const away = await webhook(t);
    await away.stop();
    const {
      publish,
      publisher: made,
      counts,
    } = publisher(t, {
      destinations: { zoo: { url: away.url }, shop: { url: receiver.url } },
      limits: { maxEvents: 300, maxBytes: 1_000_000 },
    });
    publish(0, 1000);
    publish(0, 90, 'shop');
    await until('the others are delivered', 5000, () => counts['shop delivered'] === 90);
    assert.deepEqual(placesOf(receiver.events()), range(0, 90));
    const { events, bytes, oldestSeconds } = made.state;
    assert.ok(events <= 300 && bytes <= 1_000_000 && bytes > 0 && oldestSeconds > 0);
    assert.equal(counts['zoo queue_full'], 1000 - events);
    assert.equal(counts['shop queue_full'], undefined);
    await made.close(0);
    assert.equal(counts['zoo shutdown'], events);
  });

  it('too old for another attempt are dropped and counted', async (t) => {
    const receiver = await webhook(t, (response) => response.writeHead(500).end());
    const { publish, counts } = publisher(t, { destinations: { zoo: { url: receiver.url } }, maxAgeMs: 1000 });
    publish(0, 2);
    await until('they are dropped', 10_000, () => counts['zoo expired'] === 2);
    assert.ok(receiver.batches.length >= 2);
  });

  it('that a receiver refuses permanently, or answers with a redirect, are dropped without another attempt', async (t) => {
    const elsewhere = await webhook(t);
    const receiver = await webhook(t, (response, n) => {
      if (n === 1) response.writeHead(307, { location: elsewhere.url }).end();
      else if (n === 2) response.writeHead(410).end();
      else response.writeHead(202).end();
    });
    const { publish, counts } = publisher(t, { destinations: { zoo: { url: receiver.url } } });
    publish(0, 1);
    await until('the first is dropped', 5000, () => counts['zoo redirected'] === 1);
    publish(1, 2);
    await until('the second is dropped', 5000, () => counts['zoo refused'] === 1);
    publish(2, 3);
    await until('the third is delivered', 5000, () => counts['zoo delivered'] === 1);
    assert.deepEqual(placesOf(receiver.events()), [0, 1, 2]);
    assert.equal(elsewhere.batches.length, 0);
  });

  it('are sent again when the receiver is killed in the middle of a batch', async (t) => {
    const first = await webhook(t, (response) => response.destroy());
    const { publish, counts } = publisher(t, { destinations: { zoo: { url: first.url } } });
    publish(0, 5);
    await until('the receiver has the batch', 5000, () => first.batches.length === 1);
    await first.stop();
    const second = await webhook(t, undefined, first.port);
    await until('the batch is delivered', 20_000, () => counts['zoo delivered'] === 5);
    assert.equal(second.batches[0]?.headers['webhook-id'], first.batches[0]?.headers['webhook-id']);
    assert.deepEqual(placesOf(second.events()), range(0, 5));
  });

  it('no connection is opened to a private address that the list does not name', async (t) => {
    const receiver = await webhook(t);
    const resolve: Resolve = (_name, done) =>
      done(null, [{ address: '127.0.0.1', family: isIPv6('127.0.0.1') ? 6 : 4 }]);
    const url = `http://hook.example:${receiver.port}/`;
    const { publish, counts } = publisher(t, { destinations: { zoo: { url } }, resolve });
    publish(0, 2);
    await until('they are dropped', 5000, () => counts['zoo not_allowed'] === 2);
    assert.equal(receiver.batches.length, 0);
    const named = publisher(t, {
      destinations: { zoo: { url } },
      urls: `http://hook.example:${receiver.port}, 127.0.0.1:${receiver.port}`,
      resolve,
    });
    named.publish(0, 2);
    await until('they are delivered', 5000, () => named.counts['zoo delivered'] === 2);
  });

  it('go to the address of the newest definition, and to none once it is removed', async (t) => {
    const receiver = await webhook(t);
    const destinations: Record<string, Destination> = { zoo: { url: 'http://127.0.0.1:9/' } };
    const { publish, counts } = publisher(t, { destinations, urls: `http://127.0.0.1:9, ${receiver.url}` });
    publish(0, 1);
    await until('an attempt has failed', 5000, () => counts['zoo attempt failed'] === 1);
    destinations['zoo'] = { url: receiver.url };
    await until('it is delivered', 10_000, () => counts['zoo delivered'] === 1);
    publish(1, 2);
    delete destinations['zoo'];
    await until('it is dropped', 5000, () => counts['zoo removed'] === 1);
  });

  it('wait for a secret, and are signed with every key of it', async (t) => {
    const receiver = await webhook(t);
    const { publish, counts, folder, log } = publisher(t, { destinations: { zoo: { url: receiver.url } } });
    writeFileSync(join(folder, 'zoo'), 'too short');
    publish(0, 1);
    await until('there was no key', 5000, () => counts['zoo attempt failed'] === 1);
    assert.match(
      String(log[0]?.details['detail']),
      /^the file zoo of CLIPN_EVENT_SECRETS_DIR is not whsec_ and 24 to 64/,
    );
    const other = Buffer.alloc(24, 7);
    writeFileSync(join(folder, 'zoo'), `whsec_${other.toString('base64')}\n${SECRET}\n`);
    await until('it is delivered', 10_000, () => counts['zoo delivered'] === 1);
    const [batch] = receiver.batches;
    assert.ok(batch);
    const both = `${expectedSignature(batch, other)} ${expectedSignature(batch)}`;
    assert.equal(batch.headers['webhook-signature'], both);
  });

  it('that wait at the shutdown are sent at once, and what is left at its end is dropped and counted', async (t) => {
    const receiver = await webhook(t);
    const silent = await webhook(t, () => {});
    const {
      publisher: made,
      publish,
      counts,
      log,
    } = publisher(t, {
      destinations: { zoo: { url: receiver.url }, shop: { url: silent.url } },
      batchMs: 600_000,
    });
    publish(0, 7);
    publish(0, 4, 'shop');
    await made.close(300);
    assert.deepEqual([counts['zoo delivered'], counts['shop shutdown']], [7, 4]);
    assert.deepEqual(
      log.map(({ message }) => message),
      ['events were lost in the shutdown'],
    );
    publish(7, 8);
    assert.equal(counts['zoo shutdown'], 1);
    assert.equal(made.state.events, 0);
  });
});
