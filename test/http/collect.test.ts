import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { FastifyRequest } from 'fastify';
import { collect } from '../../src/http/bodies/collect.ts';

const LIMIT = 5000;

/** A request whose body arrives in copies of these pieces. */
function received(pieces: readonly Uint8Array[], announced?: number): Promise<Buffer> {
  return receivedAs(
    pieces.map((piece) => Buffer.from(piece)),
    announced,
  );
}

/** A request whose body arrives in these chunks themselves. */
function receivedAs(chunks: Buffer[], announced?: number): Promise<Buffer> {
  const headers = announced === undefined ? {} : { 'content-length': String(announced) };
  const request = { headers, routeOptions: { bodyLimit: LIMIT } } as unknown as FastifyRequest;
  return collect(request, Readable.from(chunks, { objectMode: false }));
}

const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 600 }), { maxLength: 8 });

describe('collecting a body', () => {
  it('a body has the bytes that were sent, in one piece or in several, with its length announced or not', async () => {
    await fc.assert(
      fc.asyncProperty(pieces, fc.boolean(), async (sent, announced) => {
        const all = Buffer.concat(sent);
        const length = announced ? all.length : undefined;
        assert.deepEqual(await received(sent, length), all);
        assert.deepEqual(await received(all.length > 0 ? [all] : [], length), all);
      }),
    );
  });

  it('a body that arrives at once with its length announced is not copied; one in two pieces is', async () => {
    const chunk = Buffer.from('a body at once');
    const whole = await receivedAs([chunk], chunk.length);
    assert.equal(whole.buffer, chunk.buffer);
    assert.deepEqual([whole.byteOffset, whole.length], [chunk.byteOffset, chunk.length]);
    chunk.fill('x');
    assert.equal(whole.toString(), 'xxxxxxxxxxxxxx');

    const halves = [Buffer.from('a body '), Buffer.from('in two')];
    const joined = await receivedAs(halves, 13);
    for (const half of halves) half.fill('x');
    assert.equal(joined.toString(), 'a body in two');
  });

  it('another length than announced is refused', async () => {
    const wrong = fc.integer({ min: -600, max: 600 }).filter((more) => more !== 0);
    await fc.assert(
      fc.asyncProperty(pieces, wrong, async (sent, more) => {
        const announced = Math.max(0, Buffer.concat(sent).length + more);
        fc.pre(announced !== Buffer.concat(sent).length && announced <= LIMIT);
        await assert.rejects(received(sent, announced), { code: 'invalid_request' });
      }),
    );
  });

  it('a body over the limit is refused, announced or not', async () => {
    const body = [Buffer.alloc(LIMIT + 1)];
    await assert.rejects(received(body), { code: 'payload_too_large' });
    await assert.rejects(received(body, LIMIT + 1), { code: 'payload_too_large' });
  });
});
