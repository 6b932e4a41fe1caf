import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { engineFaults } from '../helpers/engine-faults.ts';
import { waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { isReady, putTenant, type Service, sendImage, startService, until } from '../helpers/service.ts';
import { scopeOfSuite } from '../helpers/suite-scope.ts';

const picture = (seed: number) => waves(200, 150, seed).jpeg().toBuffer();
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const code = async (response: Response) => ((await response.json()) as { code?: string }).code;

/** Sends images without a pause from several clients, until told to stop; every answer is kept. */
function load(url: string, images: Uint8Array[], clients: number) {
  const answers: string[] = [];
  let going = true;
  const done = Promise.all(
    Array.from({ length: clients }, async (_, c) => {
      for (let i = c; going; i++) {
        const response = await sendImage(url, images[i % images.length] as Uint8Array, '?tenant=zoo');
        answers.push(`${response.status} ${(await code(response)) ?? ''}`.trim());
      }
    }),
  );
  return {
    answers,
    stop: async () => {
      going = false;
      await done;
    },
  };
}

const restarts = ({ log }: Service) =>
  log.filter((l) => l['msg'] === 'engine process ended').map((l) => l['cause'] as string);

const starts = ({ log }: Service) => log.filter((l) => l['msg'] === 'engine ready').map((l) => Number(l['pid']));

const FAULTS = [
  { fault: 'crash', cause: 'crash' },
  { fault: 'memory', cause: 'memory_limit' },
] as const;

describe('faults under load: every request is answered, and only the faulty image is refused', () => {
  const scope = scopeOfSuite();
  /** One service for all faults, which follow one another. */
  let service: Service;
  const poisons = new Map<string, Buffer>();
  before(async () => {
    for (const [i, { fault }] of FAULTS.entries()) poisons.set(fault, await picture(98 + i));
    service = await startService(scope, await temporaryDirectory(scope), {
      ...engineFaults(...[...poisons].map(([fault, bytes]) => `${fault}:${sha256(bytes)}`)),
      CLIPN_REQUEST_TIMEOUT_MS: '60000',
      CLIPN_ENGINE_MAX_MEMORY_BYTES: '600MiB',
    });
    assert.equal((await putTenant(service.url, 'zoo', { classes: ['dog', 'cat', 'panda'] })).status, 201);
  });

  for (const { fault, cause } of FAULTS) {
    it(`an image that makes the engine ${fault} is refused after one retry, and later on arrival`, async () => {
      const poison = poisons.get(fault) as Buffer;
      const { url } = service;
      const [deaths, engines] = [restarts(service).length, starts(service).length];
      const good = await Promise.all([1, 2, 3, 4].map(picture));
      const before = await (await sendImage(url, good[0] as Buffer, '?tenant=zoo')).json();
      const traffic = load(url, good, 6);
      await until('traffic flows', 20_000, () => traffic.answers.length > 20);

      const answer = await sendImage(url, poison, '?tenant=zoo');
      assert.deepEqual([answer.status, await code(answer)], [422, 'image_rejected']);
      await until('both deaths are in the log', 10_000, () => restarts(service).length === deaths + 2);
      assert.deepEqual(restarts(service).slice(deaths), [cause, cause]);

      await until('the third engine is in the log', 30_000, () => starts(service).length === engines + 2);
      await until('ready again', 30_000, isReady(url));
      const seen = traffic.answers.length;
      await until('traffic flows again', 30_000, () => traffic.answers.length > seen + 20);
      const pid = service.enginePid();
      const again = await sendImage(url, poison, '?tenant=zoo');
      assert.deepEqual([again.status, await code(again)], [422, 'image_rejected']);
      assert.equal(service.enginePid(), pid, 'it touched no engine');
      await traffic.stop();
      assert.deepEqual([...new Set(traffic.answers)], ['200']);
      const after = await (await sendImage(url, good[0] as Buffer, '?tenant=zoo')).json();
      assert.deepEqual((after as { results: unknown }).results, (before as { results: unknown }).results);
      assert.match(
        await (await fetch(`${url}/metrics`)).text(),
        new RegExp(`clipn_engine_restarts_total\\{engine="cpu",cause="${cause}"\\} 2`),
      );
    });
  }

  it('an engine stopped by SIGSTOP is detected, killed and replaced, and every request gets its verdict', async (t) => {
    const { url } = service;
    const deaths = restarts(service).length;
    const traffic = load(url, await Promise.all([1, 2, 3].map(picture)), 6);
    await until('traffic flows', 20_000, () => traffic.answers.length > 20);
    const pid = service.enginePid();
    process.kill(pid, 'SIGSTOP');
    const stopped = Date.now();
    await until('another engine', 30_000, () => service.enginePid() !== pid);
    t.diagnostic(`ready again ${Date.now() - stopped} ms after SIGSTOP`);
    const seen = traffic.answers.length;
    await until('traffic flows again', 30_000, () => traffic.answers.length > seen + 20);
    await traffic.stop();
    assert.deepEqual([...new Set(traffic.answers)], ['200']);
    assert.deepEqual(restarts(service).slice(deaths), ['hang']);
  });
});

describe('faults of their own service', () => {
  it('an endless decode gets 504 the first time, and the image is refused once it has ended two engines', async (t) => {
    const poison = await picture(99);
    const service = await startService(t, await temporaryDirectory(t), {
      ...engineFaults(`stall:${sha256(poison)}`),
      CLIPN_REQUEST_TIMEOUT_MS: '2200',
      CLIPN_STALL_TIMEOUT_MS: '1500',
    });
    let answer = '';
    for (let i = 0; i < 6 && !answer.startsWith('422'); i++) {
      await until('ready', 30_000, isReady(service.url));
      const response = await sendImage(service.url, poison);
      answer = `${response.status} ${await code(response)}`;
      assert.match(answer, /^(504 deadline_exceeded|503 engine_unavailable|422 image_rejected)$/);
      // a stuck process is ended although its client has disconnected
      if (response.status === 504) await until('it has been ended', 30_000, () => restarts(service).length > i);
    }
    assert.equal(answer, '422 image_rejected');
    assert.deepEqual([...new Set(restarts(service))], ['stall']);
  });
});

describe('an engine that does not start', () => {
  it('an engine that does not start, not in time, or not on the named device ends the service with the reason', async (t) => {
    const refusals: [Record<string, string>, RegExp][] = [
      [{ ...engineFaults('stall:start'), CLIPN_ENGINE_START_TIMEOUT_MS: '1500' }, /not ready within 1500 ms/],
      [engineFaults('crash:start'), /"cpu" ended while it was starting \(signal SIGSEGV\)/],
      [{ CLIPN_DEVICE: 'cpu,tensorrt:7' }, /can't be opened on the device "tensorrt:7"/],
    ];
    await Promise.all(
      refusals.map(async ([settings, why]) => {
        const refused = startService(t, await temporaryDirectory(t), settings);
        await assert.rejects(
          refused,
          (e: Error) => /ended with 1 /.test(e.message) && why.test(e.message),
          String(why),
        );
      }),
    );
  });
});

it('two engines share the work, and when one ends the other continues to serve', async (t) => {
  const service = await startService(t, await temporaryDirectory(t), { CLIPN_DEVICE: 'cpu,cpu' });
  const { url } = service;
  assert.equal((await putTenant(url, 'zoo', { classes: ['dog', 'cat'] })).status, 201);
  const pids = starts(service);
  assert.equal(pids.length, 2);
  const traffic = load(url, await Promise.all([1, 2, 3].map(picture)), 8);
  await until('traffic flows', 20_000, () => traffic.answers.length > 20);
  process.kill(pids[1] as number, 'SIGKILL');
  await until('it is back', 30_000, () => starts(service).length === 3);
  await traffic.stop();
  assert.deepEqual([...new Set(traffic.answers)], ['200'], `engines ended by: ${restarts(service)}`);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /clipn_engine_up\{engine="cpu"\} 1/);
  assert.match(metrics, /clipn_engine_up\{engine="cpu#2"\} 1/);
  // which of the two was ready first is open
  assert.match(metrics, /clipn_engine_restarts_total\{engine="cpu(#2)?",cause="killed"\} 1/);
});
