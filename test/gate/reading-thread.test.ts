import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { ExtractionError } from '../../src/gate/adapters/types.ts';
import type { AdapterName } from '../../src/gate/config/schema.ts';
import { type Message, type ReadOptions, type ReadRequest, readRequest } from '../../src/gate/reading/index.ts';
import { Interrupted } from '../../src/gate/reading/reading.ts';
import { ReadingThread } from '../../src/gate/reading/thread/reading-thread.ts';
import { waves } from '../helpers/images.ts';
import { hostileBodies } from './differential/generator.ts';

const ADAPTERS: AdapterName[] = ['auto', 'raw', 'multipart', 'json', 'tf-serving', 'kserve-v1', 'oip-v2', 'torchserve'];
const options = (adapter: AdapterName): ReadOptions => ({
  adapter,
  maxImages: 8,
  maxBodyBytes: 1 << 24,
  pointers: ['/instances/*', '/x'],
  answerPointer: '/predictions',
});
const message = (body: Buffer | string, type = 'application/json', more: object = {}): Message => ({
  body: Buffer.from(body as string),
  headers: { 'content-type': type, ...more },
  rawHeaders: ['Content-Type', type],
  target: '/x?a=b',
});
const DROP = new Set([0]);

/** All that can be seen of a reading, the effect of its filter included. */
async function seen(read: Promise<ReadRequest>): Promise<object> {
  try {
    const { extraction, unexamined } = await read;
    const { filter, ...found } = extraction;
    const rest = filter && String(filter.request(DROP).body);
    return { found, unexamined, plan: filter?.plan, rest };
  } catch (error) {
    if (error instanceof ExtractionError) return { failure: error.failure, message: error.message };
    throw error;
  }
}

/** A text that costs the reading very much. */
const costly = (bytes: number) => Buffer.from(`{"x":[${'"abcdefghijklm",'.repeat(bytes / 16)}`);

describe('the thread that reads bodies', () => {
  const thread = new ReadingThread();
  after(() => thread.stop());

  it('finds in every body what the reading in the front finds, for every adapter', async () => {
    const jpeg = await waves(40, 30, 3).jpeg().toBuffer();
    const picture = { name: 'JPEG', bytes: jpeg };
    const samples = fc.sample(hostileBodies([picture], picture), { numRuns: 300, seed: 5 });
    let pictures = 0;
    for (const [i, { body, headers }] of samples.entries()) {
      const adapter = ADAPTERS[i % ADAPTERS.length] as AdapterName;
      const asked: Message = { body, headers: Object.fromEntries(headers), rawHeaders: headers.flat(), target: '/x' };
      const here = await seen(readRequest(asked, options(adapter)));
      assert.deepEqual(await seen(thread.read(asked, options(adapter))), here);
      if ('found' in here) pictures += (here.found as { images: unknown[] }).images.length;
    }
    assert.ok(pictures > 50, `${pictures} pictures`);
  });

  it('finds the same in packed bodies, in large ones, and in those whose rows can be filtered', async () => {
    const b64 = (await waves(400, 300, 3).jpeg().toBuffer()).toString('base64');
    const rows = JSON.stringify({ instances: [{ b64 }, { b64 }, { b64 }] });
    const tensor = { name: 'image', datatype: 'BYTES', shape: [2], data: [b64, b64] };
    const cases: [AdapterName, Message][] = [
      ['tf-serving', message(rows)],
      ['kserve-v1', message(rows)],
      ['json', message(JSON.stringify({ instances: [b64, b64] }))],
      ['oip-v2', message(JSON.stringify({ inputs: [tensor] }))],
      ['auto', message(gzipSync(rows), 'application/json', { 'content-encoding': 'gzip' })],
      ['auto', message(gzipSync(Buffer.alloc(1 << 25)), 'application/json', { 'content-encoding': 'gzip' })],
      ['auto', message(Buffer.concat([Buffer.from(b64, 'base64'), costly(1 << 16)]), 'image/jpeg')],
    ];
    let filtered = 0;
    for (const [adapter, asked] of cases) {
      const here = await seen(readRequest(asked, options(adapter)));
      assert.deepEqual(await seen(thread.read(asked, options(adapter))), here, adapter);
      if ('rest' in here && here.rest !== undefined) filtered++;
    }
    assert.equal(filtered, 4);
  });

  it('ends the work for a request that has ended, and rejects with the reason', async () => {
    const ended = new AbortController();
    const reading = thread.read(message(costly(8 << 20)), options('auto'), ended.signal);
    const rejected = assert.rejects(reading, /the client has left/);
    ended.abort(new Error('the client has left'));
    await rejected;
    while (thread.reading > 0) await setImmediate();
    await assert.rejects(thread.read(message('{}'), options('auto'), ended.signal), /the client has left/);
    await assert.rejects(readRequest(message(costly(1 << 20)), options('auto'), ended), Interrupted);
  });

  it('reads a cheap body while it reads costly ones', async () => {
    const order: string[] = [];
    const ask = (name: string, body: Buffer | string) =>
      thread.read(message(body), options('auto')).then(() => order.push(name));
    await Promise.all([ask('costly', costly(1 << 20)), ask('costly', costly(1 << 20)), ask('cheap', '{"a":1}')]);
    assert.equal(order[0], 'cheap');
  });
});

describe('a body that ends the thread', () => {
  it('is unexamined, and the others are read by the next thread', async (t) => {
    const thread = new ReadingThread({ maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 });
    t.after(() => thread.stop());
    const jpeg = await waves(60, 40, 3).jpeg().toBuffer();
    // UTF-32 is converted one character at a time, in an array
    const large = Buffer.alloc(12 << 20);
    for (let at = 0; at < large.length; at += 4) large[at] = 0x61;
    const [fatal, other] = await Promise.all([
      thread.read(message(large, 'text/plain'), options('auto')),
      thread.read(message(JSON.stringify({ x: jpeg.toString('base64') })), options('auto')),
    ]);
    assert.match(fatal.unexamined?.why ?? '', /^content at which the reading failed/);
    assert.deepEqual(
      other.extraction.images.map(({ bytes }) => bytes),
      [jpeg],
    );
    assert.ok(thread.started > 1);
  });
});
