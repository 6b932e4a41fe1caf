import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readRequest } from '../../src/gate/reading/index.ts';
import { decodeImage } from '../../src/images/decode.ts';
import { waves } from '../helpers/images.ts';

const read = (body: Buffer | string, type = 'application/json', target = '/x') =>
  readRequest(
    { body: Buffer.from(body as string), headers: { 'content-type': type }, target },
    { adapter: 'auto', maxImages: 64, maxBodyBytes: 1 << 24 },
  );
const json = (value: unknown) => JSON.stringify(value);

function form(content: Buffer | string, headers = 'Content-Disposition: form-data; name="f"', boundary = 'QQ'): Buffer {
  const head = `--${boundary}\r\n${headers}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(content as string), Buffer.from(`\r\n--${boundary}--\r\n`)]);
}

describe('a picture in a request, in every encoding', () => {
  it('a picture in a request is judged with exactly the bytes that were sent', async () => {
    const jpeg = await waves(60, 40, 3).jpeg().toBuffer();
    const b64 = jpeg.toString('base64');
    const lines = (b64.match(/.{1,76}/g) as string[]).join('\r\n');
    const bodies: Record<string, [Buffer | string, string?]> = {
      'a body of an unknown type': [jpeg, 'text/plain'],
      'any key, any depth': [json({ a: [[{ b: { c: b64 } }]] })],
      'a bare string': [json(b64)],
      'a byte order mark and blanks': [`\ufeff${' '.repeat(100)}${json({ x: b64 })}`, 'text/plain'],
      'UTF-16': [Buffer.from(json({ x: b64 }), 'utf16le')],
      'a data: URL in capitals': [json({ x: `DATA:image/jpeg;BASE64,${b64}` })],
      'line breaks': [json({ x: lines })],
      'escaped slashes': [`{"x":"${b64.replaceAll('/', '\\u002f')}"}`],
      'JSON in a string': [json({ x: json({ y: b64 }) })],
      NDJSON: [`${json({ a: 1 })}\n${json({ x: b64 })}\n`, 'application/x-ndjson'],
      XML: [`<a><b>${b64}</b></a>`, 'text/xml'],
      'an array of its bytes': [json({ x: [...jpeg] })],
      'a field of a form': [form(b64), 'multipart/form-data; boundary=QQ'],
      'a URL-encoded field': [`x=${encodeURIComponent(b64)}`, 'application/x-www-form-urlencoded'],
    };
    for (const [name, [body, type]] of Object.entries(bodies)) {
      const { extraction, unexamined } = await read(body, type);
      assert.equal(unexamined, undefined, name);
      assert.equal(extraction.images.length, 1, name);
      assert.ok(extraction.images[0]?.bytes?.equals(jpeg), name);
    }
  });

  it('a file in an array of its bytes is found, however short it is and however few values it has', async () => {
    const gif = Buffer.from('R0lGODlhAQABAAAAACwAAAAAAQABAAACAkwBADs=', 'base64');
    const judged = await read(json({ x: [...gif] }));
    assert.ok(judged.extraction.images[0]?.bytes?.equals(gif));
    const spider = Buffer.alloc(4096);
    const header = { 1: 16, 2: 16, 5: 1, 12: 16, 13: 16, 22: 1024, 23: 64 };
    for (const [i, value] of Object.entries(header)) spider.writeFloatBE(value, (Number(i) - 1) * 4);
    const other = await read(json({ x: [...spider] }));
    assert.match(other.unexamined?.why ?? '', /SPIDER/);
    const labels = Array(4096).fill(0).fill(1, 2, 3);
    for (const features of [[0, 0, 1, 0, 34, 99, 7, 8, 9, 10, 11, 12], [1, 0, 0, 0, 200, 3], labels])
      assert.equal((await read(json({ x: features }))).unexamined, undefined);
  });

  it('a picture that is not judged is unexamined, and its place is named', async () => {
    const jpeg = await waves(60, 40, 3).jpeg().toBuffer();
    const b64 = jpeg.toString('base64');
    const disposition = 'Content-Disposition: form-data; name="f"';
    const multipart = 'multipart/form-data; boundary=QQ';
    const bodies: Record<string, [Buffer | string, string?, string?]> = {
      hexadecimal: [json({ x: jpeg.toString('hex') })],
      'bytes as characters': [json({ x: jpeg.toString('latin1') })],
      'characters between': [json({ x: `${b64.slice(0, 20)}!${b64.slice(20)}` })],
      'padding within': [json({ x: `${b64.slice(0, 400)}==${b64.slice(400)}` })],
      'percent escapes': [`x=${[...jpeg].map((c) => `%${c.toString(16).padStart(2, '0')}`).join('')}`],
      'packed in base64': [json({ x: gzipSync(jpeg).toString('base64') })],
      'an archive': [Buffer.concat([Buffer.from('PK\x03\x04'), jpeg]), 'application/zip'],
      'a format that is not judged': [Buffer.from('P6\n1 1 255\nabcdefghijkl')],
      gRPC: [Buffer.concat([Buffer.from([0, 0, 0, 1, 0, 10]), jpeg]), 'application/grpc'],
      'pixels as numbers': [json({ x: Array.from({ length: 1024 }, (_, i) => i % 256) })],
      'an array in the shape of an image': [
        json({ x: Array.from({ length: 8 }, () => Array.from({ length: 8 }, () => [0.5, 0.1, 0.2])) }),
      ],
      'folded headers': [form(jpeg, `${disposition};\r\n filename="a"`), multipart],
      'a blank before the colon': [form(jpeg, disposition.replace(':', ' :')), multipart],
      'a name in pieces': [form(jpeg, 'Content-Disposition: form-data; name*0="f"'), multipart],
      'a part in parts': [form(jpeg, `${disposition}\r\nContent-Type: multipart/mixed; boundary=B`), multipart],
      'a packed part': [form(jpeg, `${disposition}\r\nContent-Encoding: gzip`), multipart],
      'a preamble': [Buffer.concat([jpeg, Buffer.from('\r\n'), form('x')]), multipart],
      'two boundaries': [form(jpeg), `${multipart}; boundary=RR`],
      'too many headers': [form(jpeg, `${disposition}${'\r\nX-A: 1'.repeat(20)}`), multipart],
      'a charset that moves letters': [json({ x: 'hello' }), 'application/json; charset=utf-7'],
      'the query': [json({ a: 1 }), 'application/json', `/x?i=${encodeURIComponent(b64.slice(0, 4000))}`],
    };
    for (const [name, [body, type, target]] of Object.entries(bodies)) {
      const { extraction, unexamined } = await read(body, type, target);
      const judged = extraction.images.length > 0 && name === 'the query';
      assert.ok(unexamined !== undefined || judged, name);
      if (unexamined) assert.ok(unexamined.place.length > 0 && unexamined.why.length < 200, name);
    }
  });
});

describe('a file in a format that is known and not decoded', () => {
  const b64 = (bytes: Buffer) => json({ x: bytes.toString('base64') });

  it('JPEG XL and SVG are unexamined and named, as a body and in base64', async () => {
    const jxl = Buffer.concat([Buffer.from('0000000c4a584c200d0a870a00000014', 'hex'), Buffer.alloc(400, 7)]);
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    for (const [name, bytes] of [['JPEG XL', jxl] as const, ['SVG', svg] as const])
      for (const body of [bytes, b64(bytes)]) assert.match((await read(body)).unexamined?.why ?? '', new RegExp(name));
  });

  it('HEIC is handed to the engine, which refuses it by name', async () => {
    const heic = Buffer.concat([
      Buffer.from([0, 0, 0, 24]),
      Buffer.from('ftypheic\0\0\0\0mif1heic'),
      Buffer.alloc(400),
    ]);
    for (const body of [heic, b64(heic)]) {
      const { images } = (await read(body)).extraction;
      assert.ok(images[0]?.bytes?.equals(heic));
      await assert.rejects(decodeImage(heic, 64, { maxPixels: 1e6 }), { message: /^HEIC images are not supported/ });
    }
  });

  it('PDF is a document and passes, except where an image is expected', async () => {
    const pdf = Buffer.from(`%PDF-1.7\n%\xe2\xe3\n${'1 0 obj\n'.repeat(20)}`, 'latin1');
    const passed = await read(pdf, 'application/pdf');
    assert.deepEqual([passed.unexamined, passed.extraction.images.length], [undefined, 0]);
    const expecting = { adapter: 'raw', maxImages: 64, maxBodyBytes: 1 << 24 } as const;
    const { extraction } = await readRequest({ body: pdf, headers: { 'content-type': 'image/jpeg' } }, expecting);
    assert.ok(extraction.images[0]?.bytes?.equals(pdf));
  });
});

describe('a request without a picture', () => {
  it('a request without a picture passes, whatever its text resembles', async () => {
    const hash = createHash('sha512').update('x').digest();
    const mp4 = Buffer.concat([
      Buffer.from([0, 0, 0, 24]),
      Buffer.from('ftypisom\0\0\x02\0isommp41'),
      Buffer.alloc(4000, 7),
    ]);
    const bodies: Record<string, [Buffer | string, string?]> = {
      nothing: [''],
      'text that begins with BM': ['BMW X5, diesel, 2019, one owner', 'text/plain'],
      'a log in brackets': [
        '[2026-11-28 20:00:00] INFO P5 started {worker: 3}\n[2026-11-28] "x" %41 \\d+\n',
        'text/plain',
      ],
      'a form': ['make=BMW+X5&note=%7Bcurly%7D+100%25&path=/9j/', 'application/x-www-form-urlencoded'],
      'a field of a form': [form('BMW X5'), 'multipart/form-data; boundary=QQ'],
      'a video in a form': [form(mp4), 'multipart/form-data; boundary=QQ'],
      'a sound': [Buffer.concat([Buffer.from('RIFF\x24\0\0\0WAVEfmt '), Buffer.alloc(400, 3)]), 'audio/wav'],
      'a PDF': [`%PDF-1.7\n%\u00e2\u00e3\n${'1 0 obj\n'.repeat(20)}`, 'application/pdf'],
      'words that begin as a plain PBM does': [json(['P1 42 1 BMW P2 parking', 'P2 1 1 make', 'P3 12 4 7 seats'])],
      hashes: [json([hash.toString('hex'), hash.toString('base64'), hash.toString('base64url')])],
      'a token': [
        json({ t: `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(json({ sub: 'x'.repeat(200) })).toString('base64url')}.c2ln` }),
      ],
      'a long sequence': [json({ dna: 'ACGT'.repeat(5000) })],
      'token ids and their mask': [
        json({ ids: Array.from({ length: 2048 }, (_, i) => i * 7), mask: Array(2048).fill(1) }),
      ],
      'rows of a table': [json({ instances: Array.from({ length: 64 }, (_, i) => [i * 0.5, 1, 2.25, 3]) })],
    };
    for (const [name, [body, type]] of Object.entries(bodies)) {
      const { extraction, unexamined } = await read(body, type);
      assert.deepEqual([extraction.images.length, unexamined], [0, undefined], name);
    }
  });
});
