import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { InjectOptions } from 'fastify';
import { HAS_ZSTD } from '../../src/zstd.ts';
import { multipart, testApp } from '../helpers/app.ts';
import { waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

let png: Buffer;
let jpeg: Buffer;
before(async () => {
  png = await waves(40, 30, 1).png().toBuffer();
  jpeg = await waves(40, 30, 1).jpeg().toBuffer();
});

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const post = { method: 'POST' as const, url: '/v1/detect' };
const typed = (payload: Buffer | string, type?: string): InjectOptions => ({
  ...post,
  payload,
  headers: type === undefined ? {} : { 'content-type': type },
});
/** Sums of the images of a reply, in order. */
const sumsOf = (reply: { body: string }) =>
  (JSON.parse(reply.body).results ?? []).map((r: { image?: { sha256: string } }) => r.image?.sha256);

async function listening(t: TestContext) {
  const { app } = await testApp(t);
  return app.listen({ host: '127.0.0.1', port: 0 });
}

describe('forms of any client', () => {
  it('fields of any name, type and length never spoil a request', async (t) => {
    const { app } = await testApp(t);
    const fields = [
      'name="constructor"',
      'name="__proto__"',
      'name="toString"',
      'name="meta"\r\ncontent-type: application/json',
      'name=""',
      '',
    ].map(
      (disposition) => `--X\r\ncontent-disposition: form-data; ${disposition}\r\n\r\n{"half": ${'x'.repeat(9000)}\r\n`,
    );
    const file = `--X\r\ncontent-disposition: form-data; name="__proto__"; filename="a.png"\r\n\r\n`;
    const payload = Buffer.concat([Buffer.from(fields.join('') + file), png, Buffer.from('\r\n--X--\r\n')]);
    const { app: larger } = await testApp(t, { maxBodyBytes: 200_000 });
    const reply = await larger.inject({
      ...post,
      payload,
      headers: { 'content-type': 'multipart/form-data; boundary=X' },
    });
    assert.deepEqual([reply.statusCode, sumsOf(reply)], [200, [sha256(png)]], reply.body);
    const many = `${'--X\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n'.repeat(2000)}--X--\r\n`;
    const refused = await larger.inject(typed(many, 'multipart/form-data; boundary=X'));
    assert.deepEqual([refused.statusCode, refused.json().code], [400, 'invalid_request']);
    assert.equal((await app.inject(typed(png, 'image/png'))).statusCode, 200);
  });

  it('an input in which no file was chosen is no image', async (t) => {
    const { app } = await testApp(t);
    const none = { filename: '', type: 'application/octet-stream', data: '' };
    const one = await app.inject({ ...post, ...multipart([none, { data: png }, none]) });
    assert.deepEqual([one.statusCode, sumsOf(one)], [200, [sha256(png)]], one.body);
    const empty = await app.inject({ ...post, ...multipart([none]) });
    assert.deepEqual([empty.statusCode, empty.json().code], [400, 'no_image']);
    const chosen = await app.inject({ ...post, ...multipart([{ filename: 'a.png', data: '' }, { data: png }]) });
    assert.equal(chosen.json().results[0].error.code, 'no_image');
    const five = Array.from({ length: 5 }, () => none);
    const full = await app.inject({
      ...post,
      ...multipart([...five, ...Array.from({ length: 4 }, () => ({ data: png }))]),
    });
    assert.equal(full.json().results?.length, 4, full.body);
  });

  it('a part with the type of an image and no file name is an image, named by its field', async (t) => {
    const { app } = await testApp(t);
    const head = '--X\r\ncontent-disposition: form-data; name="photo"\r\ncontent-type: image/png\r\n\r\n';
    const payload = Buffer.concat([Buffer.from(head), png, Buffer.from('\r\n--X--\r\n')]);
    const reply = await app.inject(typed(payload, 'multipart/form-data; boundary=X'));
    assert.deepEqual([reply.json().results[0].id, sumsOf(reply)], ['photo', [sha256(png)]]);
  });

  it('a part in base64 is decoded, and one in another transfer encoding fails alone', async (t) => {
    const { app } = await testApp(t);
    const part = (encoding: string, data: string) =>
      `--X\r\ncontent-disposition: form-data; name="f"; filename="a.png"\r\ncontent-transfer-encoding: ${encoding}\r\n\r\n${data}\r\n`;
    const lines = (png.toString('base64').match(/.{1,76}/g) as string[]).join('\r\n');
    const body = `${part('BASE64', lines)}${part('quoted-printable', 'a')}${part('base64', '%')}--X--\r\n`;
    const reply = await app.inject(typed(body, 'multipart/form-data; boundary=X'));
    const [good, ...bad] = reply.json().results;
    assert.equal(good.image.sha256, sha256(png));
    assert.deepEqual(
      bad.map((r: { error: { code: string } }) => r.error.code),
      ['invalid_request', 'invalid_request'],
    );
  });

  it("Node's FormData is served, also with an input in which no file was chosen", async (t) => {
    const url = await listening(t);
    const form = new FormData();
    form.append('constructor', 'x');
    form.append('empty', new File([], ''));
    form.append('photo', new File([png as Uint8Array<ArrayBuffer>], 'ünï.png', { type: 'image/png' }));
    const reply = await fetch(`${url}/v1/detect`, { method: 'POST', body: form });
    const { results } = (await reply.json()) as { results: { id: string; image: { sha256: string } }[] };
    assert.deepEqual(
      results.map((r) => [r.id, r.image.sha256]),
      [['ünï.png', sha256(png)]],
    );
  });
});

const CODED: [string, (body: Buffer) => Buffer][] = [
  ['gzip', zlib.gzipSync],
  ['x-gzip', zlib.gzipSync],
  ['GZIP', zlib.gzipSync],
  ['deflate', zlib.deflateSync],
  ['deflate', zlib.deflateRawSync],
  ['br', zlib.brotliCompressSync],
  ['identity', (body) => body],
];
const { zstdCompressSync } = zlib as unknown as { zstdCompressSync?: (body: Buffer) => Buffer };
if (HAS_ZSTD && zstdCompressSync) CODED.push(['zstd', zstdCompressSync]);

describe('content codings of requests', () => {
  it('bodies in each coding are decoded in every form in which images are sent', async (t) => {
    const { app } = await testApp(t);
    const form = multipart([{ data: png }]);
    const json = { images: [{ data: png.toString('base64') }] };
    const oip = { inputs: [{ name: 'image', datatype: 'BYTES', shape: [1], data: [png.toString('base64')] }] };
    const bodies: [string, Buffer, string][] = [
      ['/v1/detect', png, 'image/png'],
      ['/v1/detect', png, 'application/x-www-form-urlencoded'],
      ['/v1/detect', form.payload, form.headers['content-type']],
      ['/v1/detect', Buffer.from(JSON.stringify(json)), 'application/json'],
      ['/v2/models/demo/infer', Buffer.from(JSON.stringify(oip)), 'application/json'],
    ];
    for (const [coding, pack] of CODED) {
      for (const [url, body, type] of bodies) {
        const headers = { 'content-type': type, 'content-encoding': coding };
        const reply = await app.inject({ method: 'POST', url, payload: pack(body), headers });
        assert.equal(reply.statusCode, 200, `${coding} ${type}: ${reply.body}`);
        if (url === '/v1/detect') assert.deepEqual(sumsOf(reply), [sha256(png)]);
      }
    }
  });

  it('another coding, or several, get 415 that names it and lists the accepted ones', async (t) => {
    const { app } = await testApp(t);
    for (const coding of ['compress', 'gzip, br', 'constructor', ...(HAS_ZSTD ? [] : ['zstd'])]) {
      for (const url of ['/v1/detect', '/v2/models/demo/infer']) {
        const headers = { 'content-type': 'image/png', 'content-encoding': coding };
        const reply = await app.inject({ method: 'POST', url, payload: png, headers });
        assert.deepEqual([reply.statusCode, reply.json().code], [415, 'unsupported_media_type']);
        assert.ok(reply.json().detail.includes(`"${coding}"`));
        assert.match(String(reply.headers['accept-encoding']), /^gzip, deflate, br(, zstd)?$/);
      }
    }
  });

  it('a body that is larger than the limit when decoded gets 413, before it is decoded whole', async (t) => {
    const { app, engine } = await testApp(t);
    const large = Buffer.alloc(200 * 2 ** 20);
    // the best compression of these takes seconds
    const quickBrotli = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } };
    for (const [coding, pack] of [
      ['gzip', zlib.gzipSync],
      ['deflate', zlib.deflateRawSync],
      ['br', (body) => zlib.brotliCompressSync(body, quickBrotli)],
    ] as [string, (body: Buffer) => Buffer][]) {
      const payload = pack(large);
      for (const type of ['image/png', 'multipart/form-data; boundary=X', 'application/json']) {
        const reply = await app.inject({
          ...post,
          payload,
          headers: { 'content-type': type, 'content-encoding': coding },
        });
        assert.ok([400, 413].includes(reply.statusCode), `${coding} ${type}: ${reply.body}`);
        if (type === 'image/png') assert.equal(reply.json().code, 'payload_too_large');
      }
    }
    assert.equal(engine.requests.length, 0);
  });

  it('damaged and truncated bodies get 400 that names the coding', async (t) => {
    const { app } = await testApp(t);
    for (const [coding, pack] of CODED.filter(([coding]) => coding !== 'identity')) {
      for (const type of ['image/png', 'multipart/form-data; boundary=X']) {
        for (const payload of [pack(png).subarray(0, -9), Buffer.from('not packed at all, but long enough')]) {
          const reply = await app.inject({
            ...post,
            payload,
            headers: { 'content-type': type, 'content-encoding': coding },
          });
          assert.equal(reply.statusCode, 400, reply.body);
          assert.match(reply.json().detail, new RegExp(`coding ${coding.toLowerCase()}`));
        }
      }
    }
  });

  it('a refused body of a client that continues to send changes nothing in the service', async (t) => {
    const url = await listening(t);
    const body = zlib.gzipSync(Buffer.alloc(300 * 2 ** 20));
    const headers = { 'content-type': 'image/png', 'content-encoding': 'gzip' };
    const reply = await fetch(`${url}/v1/detect`, { method: 'POST', body, headers });
    assert.equal(reply.status, 413);
    const unknown = await fetch(`${url}/v1/detect?tenant=nobody`, {
      method: 'POST',
      body: zlib.gzipSync(multipart([{ data: Buffer.alloc(5000) }]).payload),
      headers: { 'content-type': 'multipart/form-data; boundary=XBOUNDX', 'content-encoding': 'gzip' },
    });
    assert.equal(unknown.status, 404);
    assert.equal((await fetch(`${url}/livez`)).status, 200);
  });
});

describe('images in JSON', () => {
  it('takes base64 in both alphabets, with line breaks, and data URLs of any spelling', async (t) => {
    const { app } = await testApp(t);
    const text = png.toString('base64');
    const escaped = [...png].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    const texts = [
      text,
      png.toString('base64url'),
      ` ${text.replace(/.{60}/g, '$&\r\n\t')}\n`,
      `data:image/png;base64,${text}`,
      `DATA:image/PNG;name=a%2Cb.png;BASE64,${text}`,
      `data:;base64,${encodeURIComponent(text)}`,
      `data:image/png,${escaped}`,
    ];
    const { app: larger } = await testApp(t, { maxBodyBytes: 100_000 });
    for (const data of texts) {
      const reply = await larger.inject({ ...post, payload: { images: [{ data }] } });
      assert.deepEqual(sumsOf(reply), [sha256(png)], `${data.slice(0, 40)}: ${reply.body}`);
      const inputs = [{ name: 'image', datatype: 'BYTES', shape: [1], data: [data] }];
      const infer = await larger.inject({ method: 'POST', url: '/v2/models/demo/infer', payload: { inputs } });
      assert.equal(infer.statusCode, 200, infer.body);
    }
    for (const data of ['%%%', 'data:image/png;base64,%%%', 'a+b_c', 'abcde', 'data:']) {
      const reply = await app.inject({ ...post, payload: { images: [{ data }] } });
      assert.deepEqual([reply.statusCode, reply.json().code], [400, 'invalid_request'], data);
    }
  });

  it('JSON in another charset gets 415, and bytes that are not UTF-8 get 400; nothing is stored', async (t) => {
    const { app } = await testApp(t);
    const put = (payload: Buffer, type: string) =>
      app.inject({ method: 'PUT', url: '/v1/tenants/zoo', payload, headers: { 'content-type': type } });
    const latin1 = Buffer.from('{"classes":["café"]}', 'latin1');
    const cases: [Buffer, string, number][] = [
      [latin1, 'application/json; charset=ISO-8859-1', 415],
      [Buffer.from('{"classes":["café"]}', 'utf16le'), 'application/json; charset="utf-16"', 415],
      [latin1, 'application/json', 400],
      [latin1, 'application/json; charset=utf-8', 400],
      [Buffer.from('{"classes":["caf\\ud83d"]}'), 'application/json', 400],
    ];
    for (const [payload, type, status] of cases) assert.equal((await put(payload, type)).statusCode, status, type);
    assert.equal((await app.inject({ method: 'GET', url: '/v1/tenants/zoo' })).statusCode, 404);
    for (const type of ['application/json; charset=UTF-8', 'application/json;charset="utf8"', 'application/json']) {
      const reply = await put(Buffer.from('\ufeff{"classes":["café"]}'), type);
      assert.ok(reply.statusCode < 300, reply.body);
      assert.deepEqual(reply.json().definition.classes, ['café']);
    }
    const name = { name: '\ud83d', scopes: ['admin'] };
    assert.equal((await app.inject({ method: 'POST', url: '/v1/admin/keys', payload: name })).statusCode, 400);
    const infer = await app.inject({
      method: 'POST',
      url: '/v2/models/demo/infer',
      payload: Buffer.from('{"id":"é","inputs":[]}', 'latin1'),
    });
    assert.deepEqual([infer.statusCode, infer.json().code], [400, 'invalid_request']);
  });
});

describe('raw bodies of any content type', () => {
  it('an image is taken whatever content type is sent, or none', async (t) => {
    const { app } = await testApp(t);
    const types = [
      'application/x-image',
      'binary/octet-stream',
      'application/x-www-form-urlencoded',
      'text/plain',
      'application/jpeg',
      'multipart/form-datax',
      'multipart/mixed; boundary=a',
      undefined,
    ];
    for (const type of types) {
      const reply = await app.inject(typed(jpeg, type));
      assert.deepEqual([reply.statusCode, sumsOf(reply)], [200, [sha256(jpeg)]], `${type}: ${reply.body}`);
    }
  });

  it('anything else gets 415 that says which header to add', async (t) => {
    const { app } = await testApp(t);
    const json = await app.inject(typed('{"images": []}', 'application/x-www-form-urlencoded'));
    assert.equal(json.statusCode, 415);
    assert.match(json.json().detail, /-H 'Content-Type: application\/json'/);
    for (const [body, type] of [
      ['hello', undefined],
      ['x'.repeat(5000), 'text/html'],
      ['hello', 'video/mp4'],
    ] as const) {
      const reply = await app.inject(typed(body, type));
      assert.equal(reply.statusCode, 415);
      assert.match(reply.json().detail, /-H 'Content-Type: application\/octet-stream' --data-binary @photo\.jpg/);
    }
  });

  it('curl sends an image with its default type, without a type, as a form and as a coded stream', async (t) => {
    const url = await listening(t);
    const dir = await temporaryDirectory(t);
    const path = join(dir, 'photo.jpg');
    await writeFile(path, jpeg);
    await writeFile(`${path}.gz`, zlib.gzipSync(jpeg));
    const curl = async (...args: string[]) => {
      const { stdout } = await promisify(execFile)('curl', ['-sS', ...args, `${url}/v1/detect`]);
      return JSON.parse(stdout);
    };
    const ways = [
      ['--data-binary', `@${path}`],
      ['--data-binary', `@${path}`, '-H', 'Content-Type:'],
      ['-T', path, '-X', 'POST'],
      ['-F', `file=@${path}`],
      ['-F', `file=@${path};encoder=base64`],
      ['-F', `file=<${path};type=image/jpeg`],
      ['--data-binary', `@${path}.gz`, '-H', 'Content-Encoding: gzip', '-H', 'Content-Type: image/jpeg'],
    ];
    for (const way of ways) {
      const reply = await curl(...way);
      assert.equal(reply.results?.[0].image?.sha256, sha256(jpeg), `${way.join(' ')}: ${JSON.stringify(reply)}`);
    }
    const stripped = await curl('-d', `@${path}`);
    assert.equal(stripped.code, 'invalid_request');
    assert.match(stripped.detail, /--data-binary/);
  });
});
