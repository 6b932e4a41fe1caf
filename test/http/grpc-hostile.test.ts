import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connect2, constants } from 'node:http2';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { ServiceError } from '../../src/errors/index.ts';
import { checkBounds } from '../../src/grpc/bounds.ts';
import { messageKind } from '../../src/grpc/messages.ts';
import { encodeMessage } from '../../src/grpc/status.ts';
import { adoptTimeout, timeoutMs } from '../../src/grpc/terms.ts';
import { testApp } from '../helpers/app.ts';
import { grpcClient, listeningGrpc } from '../helpers/grpc.ts';
import { until } from '../helpers/service.ts';

async function served(t: TestContext, config = {}, access: Parameters<typeof testApp>[2] = {}) {
  const test = await testApp(t, config, access);
  return { ...test, ...(await listeningGrpc(t, test.app)) };
}

const INFER = '/inference.GRPCInferenceService/ModelInfer';

/** Sends a call by hand. Resolves with the headers of the answer, which here are its trailers as well. */
async function raw(session: ClientHttp2Session, body: Buffer[], headers: object = {}, path = INFER, end = true) {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => {});
  for (const chunk of body) stream.write(chunk);
  if (end) stream.end();
  const ended = once(stream, 'close').then(() => assert.fail('the stream ended without an answer'));
  const [answer] = (await Promise.race([once(stream, 'response'), ended])) as [Record<string, string>];
  ended.catch(() => {});
  stream.resume();
  return { answer, stream };
}

function framed(message: Buffer, flag = 0, length = message.length): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

const session = (t: TestContext, port: number) => {
  const made = connect2(`http://127.0.0.1:${port}`);
  t.after(() => made.destroy());
  return made;
};

describe('gRPC: malformed and hostile calls', () => {
  it('a malformed call is refused with a code, and the connection answers the next one', async (t) => {
    const { port } = await served(t);
    const client = session(t, port);
    const code = async (...args: Parameters<typeof raw> extends [unknown, ...infer R] ? R : never) => {
      const { answer } = await raw(client, ...args);
      return [answer['grpc-status'], answer['clipn-code']];
    };
    assert.deepEqual(await code([]), ['3', 'invalid_request']);
    assert.deepEqual(await code([Buffer.from([0, 0])]), ['3', 'invalid_request']);
    assert.deepEqual(await code([framed(Buffer.alloc(3), 0, 9)]), ['3', 'invalid_request']);
    assert.deepEqual(await code([framed(Buffer.alloc(0)), framed(Buffer.alloc(0))]), ['3', 'invalid_request']);
    assert.deepEqual(await code([framed(Buffer.alloc(0), 7)]), ['3', 'invalid_request']);
    assert.deepEqual(await code([framed(Buffer.from('ffff', 'hex'))]), ['3', 'invalid_request']);
    assert.deepEqual(await code([framed(Buffer.from('x'), 1)], { 'grpc-encoding': 'br' }), ['3', 'invalid_request']);
    assert.deepEqual(await code([framed(Buffer.from('x'), 1)], { 'grpc-encoding': 'gzip' }), ['3', 'invalid_request']);
    assert.deepEqual(await code([], {}, '/inference.GRPCInferenceService/ModelStreamInfer'), ['12', 'not_found']);
    assert.deepEqual(await code([], {}, '/%zz'), ['3', 'invalid_request']);
    assert.deepEqual(await code([], { 'content-type': 'application/json' }), ['3', 'unsupported_media_type']);
    const { answer } = await raw(client, [framed(Buffer.alloc(0))], {}, '/inference.GRPCInferenceService/ServerLive');
    assert.equal(answer[':status'], 200);
  });

  it('a message above the limit is refused by its announced length, before it is sent', async (t) => {
    const { port, app } = await served(t, { maxBodyBytes: 1000 });
    const { answer, stream } = await raw(session(t, port), [framed(Buffer.alloc(0), 0, 1001)], {}, INFER, false);
    assert.deepEqual([answer['grpc-status'], answer['clipn-code']], ['8', 'payload_too_large']);
    if (!stream.closed) await once(stream, 'close');
    assert.equal(app.bodyBudget.used, 0);
  });

  it('a call that is refused before its message arrives gets its answer, also among many on one connection', async (t) => {
    const { port } = await served(t, {}, { mode: 'keys' });
    const client = session(t, port);
    // more than a client of Node.js 26 accepts to be reset
    for (let round = 0; round < 10; round++) {
      const calls = Array.from({ length: 30 }, () => raw(client, [framed(Buffer.alloc(100_000))]));
      const answered = await Promise.all(calls);
      assert.deepEqual(new Set(answered.map(({ answer }) => answer['clipn-code'])), new Set(['unauthenticated']));
      await Promise.all(answered.map(({ stream }) => stream.closed || once(stream, 'close')));
    }
    assert.equal(client.destroyed, false);
  });

  it('the rest of a refused call is discarded; a rest that is late or large ends with a reset and no error', async (t) => {
    const { port } = await served(t, {}, { mode: 'keys' });
    const client = session(t, port);
    for (const body of [Buffer.alloc(10), Buffer.alloc(3 * 2 ** 20)]) {
      const { answer, stream } = await raw(client, [body], {}, INFER, false);
      assert.equal(answer['grpc-status'], '16');
      if (!stream.closed) await once(stream, 'close');
      assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
    }
    const { stream } = await raw(client, [Buffer.alloc(10)], {}, INFER, false);
    stream.end();
    if (!stream.closed) await once(stream, 'close');
    assert.equal(client.destroyed, false);
  });

  it('a call that carries no image takes 64 KiB, however large bodies may be', async (t) => {
    const { port } = await served(t, { maxBodyBytes: 2 ** 20 });
    const path = '/inference.GRPCInferenceService/ServerLive';
    const { answer } = await raw(session(t, port), [framed(Buffer.alloc(0), 0, 65_537)], {}, path, false);
    assert.deepEqual([answer['grpc-status'], answer['clipn-code']], ['8', 'payload_too_large']);
  });

  it('messages in progress share the memory budget of all bodies, and give it back', async (t) => {
    const { port, app } = await served(t, { maxBodyBytes: 1000, maxBodiesBytes: 1500 });
    const client = session(t, port);
    const first = client.request({ ':method': 'POST', ':path': INFER, 'content-type': 'application/grpc' });
    first.on('error', () => {});
    first.write(framed(Buffer.alloc(10), 0, 900));
    const used = () => app.bodyBudget.used;
    await until('the budget has it', 20_000, () => used() === 900);
    const { answer } = await raw(client, [framed(Buffer.alloc(10), 0, 900)], {}, INFER, false);
    assert.deepEqual([answer['grpc-status'], answer['clipn-code'], answer['retry-after']], ['8', 'overloaded', '1']);
    first.close(constants.NGHTTP2_CANCEL);
    await until('the budget has it', 20_000, () => used() === 0);
    assert.equal(used(), 0);
  });

  it('a client that speaks HTTP/1 is disconnected, and others are answered', async (t) => {
    const { port, address } = await served(t);
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    assert.deepEqual((await grpcClient(t, address, 'GRPCInferenceService').call('ServerLive')).message, { live: true });
  });

  it('calls in progress are answered when the server closes, and connections end', async (t) => {
    const { grpc, address, engine } = await served(t);
    let release: () => void = () => {};
    engine.gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const oip = grpcClient(t, address, 'GRPCInferenceService');
    const bytes = Buffer.from('an image');
    const inputs = [{ name: 'image', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [bytes] } }];
    const outcome = oip.call('ModelInfer', { model_name: 'demo', inputs });
    await until('the engine works', 20_000, () => engine.requests.length > 0);
    const closed = grpc.close();
    grpc.closeIdleConnections();
    release();
    assert.equal((await outcome).message?.model_name, 'demo');
    await closed;
  });
});

describe('messages of gRPC', () => {
  const kind = messageKind<{ inputs: object[]; id: string }>('inference.ModelInferRequest', {
    5: { 5: { 8: 'any' } },
    7: 'any',
  });
  const refused = (bytes: Buffer) =>
    assert.throws(
      () => kind.decode(bytes),
      (error) => error instanceof ServiceError && error.code === 'invalid_request',
    );

  it('a message of millions of empty fields is refused before objects are made', () => {
    const field = Buffer.from([0x2a, 0x00]);
    refused(Buffer.alloc(2 * 1_000_000, field));
    refused(Buffer.concat([Buffer.from([0x2a, 0x80, 0x80, 0x40]), Buffer.alloc(2 ** 20, Buffer.from([0x3a, 0x00]))]));
    refused(kind.encode({ id: 'x'.repeat(70_000) }));
  });

  it('any bytes are read or refused with invalid_request, never with another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          kind.decode(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof ServiceError && error.code === 'invalid_request', String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('every message that is encoded is within its bounds and reads the same', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.uint8Array({ maxLength: 100_000 }), { maxLength: 3 }), (id, images) => {
        const bytes = kind.encode({ id, inputs: [{ name: 'i', contents: { bytes_contents: images } }] });
        checkBounds(bytes, { 5: { 5: { 8: 'any' } } });
        const [input] = kind.decode(bytes).inputs as { contents: { bytes_contents: Uint8Array[] } }[];
        assert.deepEqual(
          input?.contents?.bytes_contents.map((b) => Buffer.from(b)) ?? [],
          images.map((b) => Buffer.from(b)),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('a map entry named __proto__ changes no object', () => {
    const bytes = kind.encode({ parameters: JSON.parse('{"__proto__":{"string_param":"x"}}') } as object);
    const message = kind.decode(bytes) as unknown as { parameters: Record<string, unknown> };
    assert.equal(
      Object.getPrototypeOf(message.parameters) === Object.prototype ||
        Object.getPrototypeOf(message.parameters) === null,
      true,
    );
    assert.equal(({} as { string_param?: string }).string_param, undefined);
  });

  it('texts of errors are percent-encoded, and deadlines read in every unit', () => {
    assert.equal(encodeMessage('100 % é'), '100 %25 %C3%A9');
    assert.deepEqual(['1H', '2M', '3S', '4m', '5000u', '6000000n', '7', 'x', '123456789m'].map(timeoutMs), [
      3_600_000,
      120_000,
      3000,
      4,
      5,
      6,
      undefined,
      undefined,
      undefined,
    ]);
    const adopted = (call: string, own?: string) => {
      const headers = { 'grpc-timeout': call, ...(own && { 'x-request-timeout-ms': own }) };
      adoptTimeout(headers);
      return headers['x-request-timeout-ms'];
    };
    assert.equal(adopted('2S', '500'), '500');
    assert.equal(adopted('2S', '3000'), '2000');
    // a malformed limit counts as absent, also one that is shorter
    for (const malformed of ['1.5', '0', 'soon', undefined]) assert.equal(adopted('2S', malformed), '2000');
    // whole milliseconds within the range of the header
    assert.deepEqual([adopted('2500u'), adopted('1n'), adopted('99999999H')], ['2', '1', '86400000']);
  });
});
