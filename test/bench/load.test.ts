import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from './load/connection.ts';
import { closedLoop, openLoop } from './load/loops.ts';
import { summary } from './load/outcomes.ts';
import { secondClient } from './load/second-client.ts';
import { coresTime } from './measure/quiet.ts';
import { worksOf } from './measure/thread-times.ts';

const post = (text = 'picture') => ({
  path: '/v1/detect',
  contentType: 'application/octet-stream',
  body: [Buffer.from(text)],
});

async function listen(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('load generator', () => {
  it('the load generator sends complete requests over one connection and reads complete replies', async (t) => {
    const ports = new Set<number | undefined>();
    const url = await listen(
      t,
      createServer((request, response) => {
        ports.add(request.socket.remotePort);
        request.setEncoding('utf8');
        let body = '';
        request.on('data', (chunk) => {
          body += chunk;
        });
        request.on('end', () => response.setHeader('content-length', 4 + body.length).end(`got ${body}`));
      }),
    );
    const connection = new Connection(url);
    t.after(() => connection.close());
    const long = 'x'.repeat(300_000);
    assert.deepEqual(await connection.post(post('one')), { status: 200, body: 'got one' });
    assert.deepEqual(await connection.post(post(long)), { status: 200, body: `got ${long}` });
    assert.equal(ports.size, 1);
  });

  it('the load generator reads chunked replies, and keeps the connection', async (t) => {
    const ports = new Set<number | undefined>();
    const url = await listen(
      t,
      createServer((request, response) => {
        ports.add(request.socket.remotePort);
        request.resume().on('end', async () => {
          for (const part of ['é', 'x'.repeat(70_000), '0\r\n\r\n']) {
            response.write(part);
            await sleep(5);
          }
          response.end();
        });
      }),
    );
    const connection = new Connection(url);
    t.after(() => connection.close());
    for (let i = 0; i < 2; i++)
      assert.deepEqual(await connection.post(post()), { status: 200, body: `é${'x'.repeat(70_000)}0\r\n\r\n` });
    assert.equal(ports.size, 1);
  });

  it('the load generator reports a connection that breaks and connects again', async (t) => {
    let requests = 0;
    const url = await listen(
      t,
      createServer((request, response) => {
        request.resume().on('end', () => {
          if (++requests === 1) request.socket.destroy();
          else response.setHeader('content-length', 2).end('ok');
        });
      }),
    );
    const connection = new Connection(url);
    t.after(() => connection.close());
    await assert.rejects(connection.post(post()), /closed before the reply|ECONNRESET/);
    assert.equal((await connection.post(post())).status, 200);
  });

  it('an open loop adds a stall to the latency of every request that it delayed', async (t) => {
    let stalled = false;
    const url = await listen(
      t,
      createServer(async (request, response) => {
        request.resume();
        if (!stalled) {
          stalled = true;
          const end = performance.now() + 400;
          while (performance.now() < end);
        }
        response.setHeader('content-length', 2).end('{}');
      }),
    );
    const outcomes = await openLoop(url, { rate: 100, seconds: 0.5 }, () => post());
    assert.equal(outcomes.count(200), 50);
    // 40 requests were due during the stall; their mean wait is half of it. A closed loop would have seen one slow request.
    assert.ok(outcomes.of(200).filter((ms) => ms > 100).length >= 20, JSON.stringify(summary(outcomes.of(200))));
  });

  it('a closed loop keeps the configured number of requests in progress', async (t) => {
    let now = 0;
    let most = 0;
    const url = await listen(
      t,
      createServer(async (request, response) => {
        request.resume();
        most = Math.max(most, ++now);
        await sleep(20);
        now--;
        response.setHeader('content-length', 2).end('{}');
      }),
    );
    const outcomes = await closedLoop(url, 5, 0.3, () => post());
    assert.equal(most, 5);
    assert.equal(outcomes.count(), outcomes.count(200));
  });
});

describe('a second client process', () => {
  /** Starts a program of these lines as the second client. */
  async function probing(t: TestContext, ...lines: string[]) {
    const folder = mkdtempSync(join(tmpdir(), 'clipn-gate-probe-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const program = join(folder, 'probe.mjs');
    writeFileSync(program, lines.join('\n'));
    return secondClient('http://127.0.0.1:1', { rate: 1, seconds: 1 }, program);
  }
  const READY = "process.stdout.write('ready\\n'); process.stdin.resume();";

  it('a second client that ends before it is ready, or before it answers, is an error and no wait without end', async (t) => {
    await assert.rejects(probing(t, 'process.exit(3)'), /the second client ended early: code 3/);
    const asked = await probing(t, READY, "process.stdin.on('end', () => process.exit(4))");
    await assert.rejects(asked.ask(), /the second client ended early: code 4/);
    const gone = await probing(t, READY);
    gone.end();
    await assert.rejects(gone.ask(), /the second client ended early: SIGKILL/);
  });

  it('the answer of a second client is read, also if it ends at once afterwards', async (t) => {
    const probe = await probing(t, READY, "process.stdin.on('end', () => process.stdout.write('{\"429\":[1.5]}\\n'))");
    assert.deepEqual(await probe.ask(), { 429: [1.5] });
  });

  it('an open loop without a request ends at once', async () => {
    assert.equal((await openLoop('http://127.0.0.1:1', { rate: 0, seconds: 1 }, () => post())).count(), 0);
  });
});

describe('whether the machine is quiet', () => {
  it('time of the cores is read from the kernel: steal is not idle, waiting for a disk is', () => {
    assert.deepEqual(coresTime('cpu  10 1 5 70 4 0 2 8 3 0\ncpu0 1 1 1 1\n'), { total: 100, idle: 74 });
  });
});

describe('the work of threads', () => {
  it('lanes are the busiest threads that are neither the main thread, nor helpers of V8, nor libvips', () => {
    const threads = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19].map((tid) => ({
      tid,
      name: tid === 19 ? 'worker' : 'node',
      ms: tid === 17 ? 1 : 100,
    }));
    const workOf = worksOf(threads, 10, 2);
    assert.deepEqual(threads.map(workOf), [
      'main thread',
      ...Array(5).fill('helpers of V8'),
      'lanes',
      'pool of libuv',
      'lanes',
      'libvips',
    ]);
  });
});
