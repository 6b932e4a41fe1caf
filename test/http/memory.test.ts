import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { noise } from '../helpers/images.ts';
import { peakMemory } from '../helpers/memory.ts';
import { ROOT } from '../helpers/paths.ts';
import { testProgram } from '../helpers/programs.ts';
import { sendImage } from '../helpers/service.ts';

const MB = 1e6;
const MiB = 2 ** 20;

interface Answer {
  status: number;
  bytes: number;
}

/** Sends pieces one after the other, as fast as they are taken, until the answer is there. */
function send(
  url: string,
  path: string,
  method: string,
  headers: Record<string, string>,
  pieces: () => Iterable<Buffer>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(`${url}${path}`, { method, headers, agent: false }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on('end', () => {
        resolve({ status: response.statusCode as number, bytes });
        call.destroy();
      });
    });
    // a server that has answered may close before everything was sent
    let answered = false;
    call.on('response', () => {
      answered = true;
    });
    call.on('error', (error) => (answered ? undefined : reject(new Error(`${path}: no answer`, { cause: error }))));
    const iterator = pieces()[Symbol.iterator]();
    const next = () => {
      for (;;) {
        const { done, value } = iterator.next();
        if (done) return call.end();
        if (!call.write(value)) return call.once('drain', next);
      }
    };
    next();
  });
}

const json = { 'content-type': 'application/json' };
function* repeated(head: string, piece: string, bytes: number, tail: string): Generator<Buffer> {
  yield Buffer.from(head);
  const chunk = Buffer.from(piece.repeat(Math.ceil(65_536 / piece.length)));
  for (let sent = 0; sent < bytes; sent += chunk.length) yield chunk;
  yield Buffer.from(tail);
}

async function startFront(t: TestContext): Promise<{ url: string; gate: string; child: ChildProcess }> {
  const child = spawn(process.execPath, testProgram('helpers/front-process'), {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [line] = await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line');
  const [url, gate] = String(line)
    .split(' ')
    .map((port) => `http://127.0.0.1:${port}`) as [string, string];
  return { url, gate, child };
}

/** Every body that has ended a process, or made it large, with some of its kin. */
const HOSTILE: [string, string, string, Record<string, string>, () => Iterable<Buffer>][] = [
  ['numbers as images', '/v1/detect', 'POST', json, () => repeated('{"images":[', '0,', 20 * MB, '0]}')],
  [
    'a base64 text without end',
    '/v1/detect',
    'POST',
    json,
    () => repeated('{"images":[{"data":"', 'AAAA', 20 * MB, '"}]}'),
  ],
  [
    'escapes without end',
    '/v1/detect',
    'POST',
    json,
    () => repeated('{"images":[{"data":"', '\\u0041', 20 * MB, '"}]}'),
  ],
  ['blanks without end', '/v1/detect', 'POST', json, () => repeated('{"images":[', ' ', 20 * MB, ']}')],
  ['numbers as classes', '/v1/tenants/a', 'PUT', json, () => repeated('{"classes":[', '0,', 20 * MB, '0]}')],
  ['one class name', '/v1/tenants/a', 'PUT', json, () => repeated('{"classes":["', 'a', 20 * MB, '"]}')],
  ['numbers as scopes', '/v1/admin/keys', 'POST', json, () => repeated('{"name":"a","scopes":[', '0,', 20 * MB, '0]}')],
  [
    'outputs',
    '/v2/models/demo/infer',
    'POST',
    json,
    () => repeated('{"inputs":[],"outputs":[', '{},', 10 * MB, '{}]}'),
  ],
  [
    'numbers as data',
    '/v2/models/demo/infer',
    'POST',
    json,
    () => repeated('{"inputs":[{"name":"i","datatype":"FP32","shape":[1],"data":[', '0,', 20 * MB, '0]}]}'),
  ],
  ['zeros as an image', '/v1/detect', 'POST', { 'content-type': 'image/png' }, () => repeated('', '\0', 20 * MB, '')],
  [
    'a form without an end',
    '/v1/detect',
    'POST',
    { 'content-type': 'multipart/form-data; boundary=x' },
    () => repeated('--x\r\ncontent-disposition: form-data; name="f"; filename="f"\r\n\r\n', '\0', 20 * MB, ''),
  ],
  [
    'parts without end',
    '/v1/detect',
    'POST',
    { 'content-type': 'multipart/form-data; boundary=x' },
    () => repeated('', '--x\r\ncontent-disposition: form-data; name="f"; filename="f"\r\n\r\n\r\n', 20 * MB, '--x--'),
  ],
  [
    'an archive',
    '/v1/tenants/a/import',
    'POST',
    { 'content-type': 'application/vnd.clipn-gate.tenant' },
    () => repeated('[', '0,', 20 * MB, '0]\n'),
  ],
];

/** Bodies of ten million elements in every array that a JSON body of the API has, and in JSON for the gate. */
const MILLIONS: [
  name: string,
  port: 'url' | 'gate',
  method: string,
  path: string,
  head: string,
  piece: string,
  tail: string,
][] = [
  ['images', 'url', 'POST', '/v1/detect', '{"images":[', '0,', '0]}'],
  ['images that are lists', 'url', 'POST', '/v1/detect', '{"images":[', '[],', '[]]}'],
  ['images that are objects', 'url', 'POST', '/v1/detect', '{"images":[', '{},', '{}]}'],
  ['classes', 'url', 'PUT', '/v1/tenants/a', '{"classes":[', '0,', '0]}'],
  ['classes that are objects', 'url', 'PUT', '/v1/tenants/a', '{"classes":[', '{},', '{}]}'],
  ['classes to check', 'url', 'POST', '/v1/tenants/demo/check', '{"classes":[', '0,', '0]}'],
  ['labels to check', 'url', 'POST', '/v1/tenants/demo/check', '{"images":[', '0,', '0]}'],
  ['scopes', 'url', 'POST', '/v1/admin/keys', '{"name":"a","scopes":[', '0,', '0]}'],
  ['outputs', 'url', 'POST', '/v2/models/demo/infer', '{"inputs":[],"outputs":[', '{},', '{}]}'],
  ['inputs', 'url', 'POST', '/v2/models/demo/infer', '{"inputs":[', '0,', '0]}'],
  [
    'data',
    'url',
    'POST',
    '/v2/models/demo/infer',
    '{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":[',
    '0,',
    '0]}]}',
  ],
  ['images at the gate', 'gate', 'POST', '/classify', '{"images":[', '0,', '0]}'],
  ['names at the gate', 'gate', 'POST', '/classify', '{"a":[', '{"b":1},', '0]}'],
  ['lists at the gate', 'gate', 'POST', '/classify', '{"a":[', '[0],', '0]}'],
];

describe('memory of the front', { skip: process.platform === 'linux' ? false : 'needs /proc' }, () => {
  it('the front stays below 400 MB for one hostile body at a time, and answers each within 16 KB', async (t) => {
    const { url, child } = await startFront(t);
    for (const [name, path, method, headers, pieces] of HOSTILE.filter(([name]) => !/without end/.test(name))) {
      const { status, bytes } = await send(url, path, method, headers, pieces);
      assert.ok(status >= 200 && status < 500, `${name}: ${status}`);
      assert.ok(bytes <= 16 * 1024, `${name}: a reply of ${bytes} bytes`);
    }
    const peak = peakMemory(child.pid as number) as number;
    assert.ok(peak < 400 * MiB, `${Math.round(peak / MiB)} MiB`);
  });

  it('the front stays below its bound with 32 hostile connections, and serves other clients in the meantime', async (t) => {
    const { url, child } = await startFront(t);
    const photo = await noise(64, 48).jpeg().toBuffer();
    const rounds = Array.from({ length: 32 }, async (_, i) => {
      for (let round = 0; round < 1; round++) {
        const [name, path, method, headers, pieces] = HOSTILE[
          (i + round * 5) % HOSTILE.length
        ] as (typeof HOSTILE)[number];
        const { status, bytes } = await send(url, path, method, headers, pieces);
        assert.ok(status >= 200 && status < 500, `${name}: ${status}`);
        assert.ok(bytes <= 16 * 1024, `${name}: a reply of ${bytes} bytes`);
      }
    });
    const all = Promise.all(rounds);
    let done = false;
    void all
      .finally(() => {
        done = true;
      })
      .catch(() => {});
    const statuses = new Set<number>();
    while (!done) statuses.add((await sendImage(url, photo)).status);
    await all;
    assert.ok(statuses.has(200), `others got ${[...statuses]}`);
    assert.equal(child.exitCode, null);
    const peak = peakMemory(child.pid as number) as number;
    assert.ok(peak < 1536 * MiB, `${Math.round(peak / MiB)} MiB`);
    t.diagnostic(`peak of the front: ${Math.round(peak / MiB)} MiB`);
  });

  it('ten million elements in any array of a JSON body get a 4xx within 16 KB, below 400 MB, while other clients are served', async (t) => {
    const front = await startFront(t);
    const photo = await noise(64, 48).jpeg().toBuffer();
    for (const [name, port, method, path, head, piece, tail] of MILLIONS) {
      let done = false;
      const answer = send(front[port], path, method, json, () =>
        repeated(head, piece, 10e6 * piece.length, tail),
      ).finally(() => {
        done = true;
      });
      answer.catch(() => {});
      const others = new Set<number>();
      do others.add((await sendImage(front.url, photo)).status);
      while (!done);
      const { status, bytes } = await answer;
      assert.ok(status >= 400 && status < 500, `${name}: ${status}`);
      assert.ok(bytes <= 16 * 1024, `${name}: a reply of ${bytes} bytes`);
      assert.deepEqual([...others], [200], name);
    }
    assert.equal(front.child.exitCode, null);
    const peak = peakMemory(front.child.pid as number) as number;
    assert.ok(peak < 400 * MB, `${Math.round(peak / MB)} MB`);
    t.diagnostic(`peak of the front: ${Math.round(peak / MB)} MB`);
  });
});
