import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { ask, listen } from '../helpers/gate.ts';
import { abortUploads, type GateInFront, gateInFront, killUnderLoad } from '../helpers/gate-faults.ts';
import { waves } from '../helpers/images.ts';
import { COMMAND, PYTHON, photographs, skip, temporaryDirectory } from '../helpers/paths.ts';
import { environment, sendImage, startService, until } from '../helpers/service.ts';
import { scopeOfSuite } from '../helpers/suite-scope.ts';

const jpeg = (seed = 3) => waves(300, 200, seed).jpeg().toBuffer();

describe('the gate with the real engine', () => {
  it('the gate decides on photographs as /v1/detect does, writes its trail, and replays it', {
    skip: skip.photographs,
  }, async (t) => {
    const dir = await temporaryDirectory(t);
    const received: string[] = [];
    const classifier = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        received.push(body);
        const { instances } = JSON.parse(body) as { instances: unknown[] };
        response.end(JSON.stringify({ predictions: instances.map(() => 1) }));
      });
    });
    const upstream = await listen(t, classifier);
    const config = join(dir, 'gate.yaml');
    const audit = join(dir, 'audit.ndjson');
    await writeFile(
      config,
      `listen: {port: 0}
upstream: {url: "${upstream}"}
defaults: {adapter: tf-serving, mode: enforce, budget_ms: 30000}
routes:
  - match: {path: "/v1/models/one:predict"}
  - match: {path: "/v1/models/many:predict"}
    batch: filter
audit: {file: "${audit}"}
`,
    );
    const service = await startService(t, dir, {}, ['gate', '--config', config]);
    const gate = service.gate as string;
    const some = photographs.filter((_, i) => i % 12 === 0).slice(0, 8);
    const images = await Promise.all(some.map((file) => readFile(file)));
    const decisions: string[] = [];
    for (const image of images) {
      const verdict = (await (await sendImage(service.url, image)).json()) as { results: { decision: string }[] };
      decisions.push(verdict.results[0]?.decision as string);
    }
    assert.ok(decisions.includes('id') && decisions.includes('ood'), decisions.join());
    const body = (list: Buffer[]) => JSON.stringify({ instances: list.map((b) => ({ b64: b.toString('base64') })) });
    const post = async (model: string, text: string) =>
      ask(gate, {
        path: `/v1/models/${model}:predict`,
        headers: [['content-length', String(text.length)]],
        body: text,
      });
    for (const [i, image] of images.entries()) {
      const answer = await post('one', body([image]));
      assert.equal(answer.status, decisions[i] === 'id' ? 200 : 422, String(some[i]));
      if (decisions[i] === 'id') assert.equal(received.at(-1), body([image]));
    }
    const many = await post('many', body(images));
    assert.deepEqual(
      (JSON.parse(String(many.body)) as { predictions: unknown[] }).predictions,
      decisions.map((d) => (d === 'id' ? 1 : null)),
    );
    assert.equal(received.at(-1), body(images.filter((_, i) => decisions[i] === 'id')));
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    assert.match(
      metrics,
      /clipn_gate_requests_total\{tenant="demo",mode="enforce",verdict="mixed",action="filter"\} 1/,
    );

    // a change of the file takes effect without a restart
    await writeFile(config, (await readFile(config, 'utf8')).replace('mode: enforce', 'mode: "off"'));
    await until('the change', 10_000, () => service.log.some((l) => l['msg'] === 'gate file read again'));
    const ood = images[decisions.indexOf('ood')] as Buffer;
    assert.equal((await post('one', body([ood]))).status, 200);

    service.child.kill('SIGTERM');
    assert.equal(await service.exited, 0);
    const replay = spawnSync(process.execPath, [COMMAND, 'replay', audit, '--method', 'atd', '--json'], {
      encoding: 'utf8',
      env: environment({}),
    });
    const { total } = JSON.parse(replay.stdout) as { total: { images: number; ood: { was: number } } };
    assert.equal(total.images, 2 * images.length);
    assert.equal(total.ood.was, 2 * decisions.filter((d) => d === 'ood').length);
  });

  it('a faulty gate file is reported and ends the process with 2', async (t) => {
    const dir = await temporaryDirectory(t);
    const config = join(dir, 'gate.yaml');
    await writeFile(config, 'upstream: {url: nowhere}\nroutes: [{match: {path: /a}, mode: maybe}]\n');
    const run = spawnSync(process.execPath, [COMMAND, 'gate', '--config', config, '--data-dir', dir, '--port', '0'], {
      encoding: 'utf8',
      env: environment({}),
    });
    assert.equal(run.status, 2);
    assert.match(run.stderr, /\/upstream\/url[\s\S]*\/routes\/0\/mode/);
  });
});

for (const fail of ['open', 'closed'] as const) {
  describe(`a gate with fail ${fail} in front of a classifier`, () => {
    const scope = scopeOfSuite();
    let front: GateInFront;
    before(async () => {
      front = await gateInFront(scope, await temporaryDirectory(scope), fail);
    });

    it(`after kill -9 of the engine under load, the gate applies fail ${fail}`, async (t) => {
      const images = photographs.length
        ? await Promise.all(photographs.slice(0, 6).map((file) => readFile(file)))
        : await Promise.all([1, 2, 3].map(jpeg));
      const outcome = await killUnderLoad(front, { images, kills: 2, everySeconds: 1, connections: 4 });
      t.diagnostic(JSON.stringify(outcome));
      assert.equal(outcome.answered, outcome.sent);
      // requests wait through a quick restart, so the policy is asked seldom here; every cause of it is in table.test.ts
      assert.equal(outcome.kills, 2);
      assert.equal(
        outcome.reached,
        outcome.passed,
        'every request that reaches the upstream is answered, and no other one is a success',
      );
      if (fail === 'open') assert.equal(outcome.passed + (outcome.statuses[422] ?? 0), outcome.sent);
      else {
        assert.equal(outcome.unchecked, 0);
        assert.ok(
          Object.keys(outcome.statuses).every((s) => ['200', '422', '503'].includes(s)),
          JSON.stringify(outcome),
        );
      }
    });

    if (fail === 'open')
      it('aborted uploads leave no connection and no memory in the gate', () => abortUploads(front, 300));

    if (fail === 'closed')
      it('on SIGTERM the gate answers requests in progress and accepts no new ones', async () => {
        const { gate, held, service } = front;
        const request = httpRequest(`${gate}/slow`);
        request.end();
        await until('the upstream has the request', 10_000, () => held.length === 1);
        service.child.kill('SIGTERM');
        await until('no new connections', 10_000, () =>
          fetch(`${gate}/x`, { signal: AbortSignal.timeout(500) }).then(
            () => false,
            () => true,
          ),
        );
        held[0]?.end('late');
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        assert.equal(response.statusCode, 200);
        response.resume();
        assert.equal(await service.exited, 0);
      });
  });
}

const client =
  PYTHON === undefined
    ? 'needs CLIPN_PYTHON, a Python with tritonclient[http]'
    : spawnSync(PYTHON, ['-c', 'import tritonclient.http']).status === 0
      ? false
      : 'needs tritonclient[http] in CLIPN_PYTHON (extra "clients" of models/)';

describe('official Python clients', () => {
  it('tritonclient[http] works with the service and through the gate', { skip: client }, async (t) => {
    const dir = await temporaryDirectory(t);
    const file = join(dir, 'image.jpg');
    await writeFile(file, photographs[0] ? await readFile(photographs[0]) : await jpeg());
    const config = join(dir, 'gate.yaml');
    // upstreams: this service's own protocol server, and for v1 a classifier that says the same of everything
    const inner = await startService(t, join(dir, 'inner'));
    const upstream = createServer((request, response) => {
      if (request.url?.startsWith('/v1/')) request.resume().on('end', () => response.end('{"predictions": [7]}'));
      else {
        const { method, url, headers } = request;
        const onward = httpRequest(
          new URL(url as string, inner.url),
          { method: method as string, headers },
          (answer) => {
            response.writeHead(answer.statusCode as number, answer.rawHeaders);
            answer.pipe(response);
          },
        );
        request.pipe(onward);
      }
    });
    await writeFile(
      config,
      `listen: {port: 0}
upstream: {url: "${await listen(t, upstream)}"}
routes:
  - {match: {path: "/v2/models/{model}/infer"}, adapter: oip-v2, mode: annotate, budget_ms: 30000}
  - {match: {path: "/v1/models/{model}:predict"}, adapter: kserve-v1, mode: enforce, budget_ms: 30000}
`,
    );
    const service = await startService(t, join(dir, 'outer'), {}, ['gate', '--config', config]);
    const script = join(import.meta.dirname, 'triton_client.py');
    const hosts = [inner.url, service.gate as string].map((url) => new URL(url).host);
    // the upstream lives in this process, which must not stand still meanwhile
    const run = await promisify(execFile)(PYTHON as string, [script, ...hosts, file], { timeout: 120_000 });
    const { direct, gated, kserve } = JSON.parse(run.stdout) as {
      direct: { decision: string[] }[];
      gated: object[];
      kserve: {
        v1: [number, { predictions?: unknown; code?: string }];
        v2: [number, { outputs: { data: string[] }[] }];
      };
    };
    assert.deepEqual(direct, gated);
    const decision = direct[0]?.decision[0] as string;
    assert.deepEqual(direct[1]?.decision, [decision, decision, decision]);
    assert.deepEqual([kserve.v2[0], kserve.v2[1].outputs[0]?.data], [200, [decision]]);
    const { predictions, code } = kserve.v1[1];
    assert.deepEqual(
      [kserve.v1[0], predictions, code],
      decision === 'id' ? [200, [7], undefined] : [422, undefined, 'out_of_distribution'],
    );
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    assert.match(
      metrics,
      /clipn_gate_requests_total\{tenant="demo",mode="annotate",verdict="(id|ood)",action="pass"\} 3/,
    );
  });
});
