import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { photographs } from '../../helpers/paths.ts';

/** Content that clients send every day, none of it a picture. */
const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => Buffer.from(b).toString('hex'));
const base64 = (min: number, max: number) =>
  fc.uint8Array({ minLength: min, maxLength: max, size: 'max' }).map((b) => Buffer.from(b).toString('base64'));
const words = fc
  .array(
    fc.constantFrom(
      'make',
      'BMW',
      'X5',
      'P1',
      'II*',
      'GIF',
      'P',
      'the',
      'photograph',
      'of',
      'a',
      '1',
      '42',
      'naïve',
      '写真',
      'U-turn',
      'P2 parking',
      'sold.',
    ),
    {
      minLength: 1,
      maxLength: 30,
    },
  )
  .map((list) => list.join(' '));
const time = fc.nat(2e9).map((s) => new Date(s * 1000).toISOString());

/** Tokens, keys, hashes and identifiers. */
const tokens = fc.oneof(
  hex(16),
  hex(20),
  hex(32),
  fc.uuid(),
  base64(16, 64),
  base64(200, 1200),
  base64(16, 400).map((t) => t.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')),
  fc
    .tuple(base64(20, 60), base64(60, 300), base64(32, 32))
    .map((parts) => parts.join('.').replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')),
  base64(800, 1600).map(
    (t) => `-----BEGIN CERTIFICATE-----\n${t.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  ),
  fc
    .tuple(fc.nat(127), words)
    .map(([tag, text]) =>
      Buffer.concat([Buffer.from([10, tag]), Buffer.from(text), Buffer.from([16, 1, 24, 0])]).toString('base64'),
    ),
  fc.string().map((s) => createHash('sha512').update(s).digest('base64')),
);

// without the bias to small numbers, which components of vectors do not have
const float = fc.noBias(fc.integer({ min: -8_000_000, max: 8_000_000 })).map((n) => n / 3e7);
const urlSafe = (text: string) => text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
const characters =
  '的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里照片分类别已知未门口检查每张模型判断图像识别结果服务请求身份证号码';
const chinese = fc
  .array(fc.nat(characters.length - 1), { minLength: 5, maxLength: 900 })
  .map((list) => list.map((i, n) => characters[i] + (n % 12 === 11 ? '，' : '')).join(''));

/** Longer values that look like noise and are none. */
const long = fc.oneof(
  // vectors of models in base64
  fc
    .constantFrom(256, 384, 512, 768, 1024, 1536)
    .chain((n) => fc.array(float, { minLength: n, maxLength: n, size: 'max' }))
    .map((list) => Buffer.from(new Float32Array(list).buffer).toString('base64')),
  // tokens with many claims
  fc
    .tuple(fc.dictionary(words, words, { maxKeys: 40, size: 'max' }), base64(256, 256))
    .map(
      ([claims, signature]) =>
        `eyJhbGciOiJSUzI1NiJ9.${urlSafe(Buffer.from(JSON.stringify(claims)).toString('base64'))}.${urlSafe(signature)}`,
    ),
  // logs and SAML, packed
  fc.array(words, { minLength: 5, maxLength: 60, size: 'max' }).map((l) => gzipSync(l.join('\n')).toString('base64')),
  words.map((w) =>
    deflateRawSync(`<samlp:AuthnRequest><saml:Issuer>${w}</saml:Issuer></samlp:AuthnRequest>`).toString('base64'),
  ),
  // minified code
  fc
    .array(fc.tuple(words, fc.nat(99)), { minLength: 20, maxLength: 150, size: 'max' })
    .map((l) =>
      l.map(([w, n]) => `function f${n}(e,t){return e[${n}]?t.${w.replace(/\W/g, '').slice(0, 8)}(e):null}`).join(''),
    ),
  fc
    .tuple(fc.webUrl(), hex(32), base64(300, 700))
    .map(
      ([url, signature, token]) =>
        `${url}?X-Amz-Signature=${signature}&X-Amz-Security-Token=${encodeURIComponent(token)}&X-Amz-Expires=300`,
    ),
  chinese,
  fc.array(fc.uuid(), { minLength: 20, maxLength: 300, size: 'max' }).map((l) => l.join(',')),
  fc.array(hex(20), { minLength: 20, maxLength: 200, size: 'max' }).map((l) => l.join('\n')),
  fc
    .array(fc.tuple(fc.nat(9999), fc.nat(9999)), { minLength: 20, maxLength: 600, size: 'max' })
    .map((l) => `M${l.map(([x, y]) => `${x / 100},${y / 100}`).join('L')}Z`),
  fc
    .array(fc.tuple(fc.double({ min: -90, max: 90, noNaN: true }), fc.double({ min: -180, max: 180, noNaN: true })), {
      minLength: 20,
      maxLength: 200,
      size: 'max',
    })
    .map((l) => `POLYGON((${l.map((p) => p.join(' ')).join(', ')}))`),
  base64(1200, 1600).map((t) =>
    [t, t.slice(3), t.slice(7)]
      .map((c) => `-----BEGIN CERTIFICATE-----\n${c.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`)
      .join(''),
  ),
);

/** Texts of form fields and of JSON. */
export const texts = fc.oneof(
  words,
  tokens,
  long,
  time,
  fc.constantFrom(
    '',
    'BMW X5',
    'P1',
    'P6 is the best',
    'II*',
    '{not json',
    '[x]',
    'a=b&c=d',
    '100%',
    'true',
    '3.14',
    'https://example.com/a.jpg?w=1&h=2',
    'C:\\photos\\a.jpg',
  ),
  fc.tuple(time, words).map(([at, text]) => `[${at}] [INFO] ${text} "quoted"`),
  fc.emailAddress(),
  fc.integer().map(String),
);

const numbers = fc.oneof(
  fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -10, max: 10 }), { maxLength: 200 }),
  fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 300 }),
  fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 300 }),
  fc.array(fc.integer({ min: -128, max: 127 }), { maxLength: 100 }),
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 100 }),
  fc.array(
    fc.integer({ min: 0, max: 9 }).map((n) => n * 1.0),
    { maxLength: 64 },
  ),
  fc
    .tuple(fc.nat(299), fc.integer({ min: 1, max: 300 }))
    .map(([at, n]) => Array.from({ length: n }, (_, i) => (i === at ? 1 : 0))),
);
const keys = fc.constantFrom(
  'id',
  'user',
  'make',
  'labels',
  'features',
  'instances_requested_by_the_user',
  'created_at',
  'token',
  'P',
  'Pictures',
  'URL',
  'parameters_of_the_preprocessing',
);
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    texts,
    numbers,
    fc.boolean(),
    fc.constant(null),
    fc.dictionary(keys, tie('json'), { maxKeys: 5 }),
    fc.array(tie('json'), { maxLength: 4 }),
  ),
}));
const objects = fc.dictionary(keys, json, { minKeys: 1, maxKeys: 6 });

export interface Content {
  kind: string;
  type: string;
  bytes: Buffer;
}

const of =
  (kind: string, type: string) =>
  (text: string | Buffer): Content => ({ kind, type, bytes: Buffer.from(text as string) });
const box = (name: string, bytes: Buffer) => {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(bytes.length + 8);
  return Buffer.concat([size, Buffer.from(name), bytes]);
};
const noise = fc.uint8Array({ minLength: 100, maxLength: 3000, size: 'max' }).map((b) => Buffer.from(b));

/** Documents as bodies or as files of a form. */
export const documents: fc.Arbitrary<Content> = fc.oneof(
  { weight: 4, arbitrary: objects.map((o) => JSON.stringify(o)).map(of('JSON', 'application/json')) },
  {
    weight: 1,
    arbitrary: objects.map((o) => JSON.stringify(o, null, 2)).map(of('JSON', 'application/json; charset=utf-8')),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(objects, { minLength: 1, maxLength: 9 })
      .map((l) => l.map((o) => `${JSON.stringify(o)}\n`).join(''))
      .map(of('NDJSON', 'application/x-ndjson')),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.tuple(time, words), { minLength: 1, maxLength: 20 })
      .map((l) => l.map(([t, w]) => `[${t}] [WARN] ${w}\n`).join(''))
      .map(of('log', 'text/plain')),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(numbers, { minLength: 1, maxLength: 20 })
      .map((l) => `id,features\n${l.map((n) => n.join(',')).join('\r\n')}`)
      .map(of('CSV', 'text/csv')),
  },
  {
    weight: 1,
    arbitrary: noise
      .map((b) => Buffer.concat([box('ftyp', Buffer.from('isom\0\0\x02\0isomiso2avc1mp41', 'latin1')), box('mdat', b)]))
      .map(of('MP4', 'video/mp4')),
  },
  {
    weight: 1,
    arbitrary: noise
      .map((b) => Buffer.concat([Buffer.from('%PDF-1.7\n1 0 obj\nstream\n'), b, Buffer.from('\nendstream\n%%EOF\n')]))
      .map(of('PDF', 'application/pdf')),
  },
  {
    weight: 1,
    arbitrary: words
      .map((w) => `<html><body><p>${w}</p><a href="/x?a=1&b=2">x</a></body></html>`)
      .map(of('HTML', 'text/html')),
  },
  {
    weight: 1,
    arbitrary: words
      .map((w) => `<?xml version="1.0"?>\n<soap:Envelope><a>${w}</a></soap:Envelope>`)
      .map(of('XML', 'application/xml')),
  },
  { weight: 1, arbitrary: fc.constant('').map(of('empty', 'application/json')) },
);

/** Real photographs. */
export const photos: fc.Arbitrary<Content> = fc.nat(Math.max(0, photographs.length - 1)).map((i) => ({
  kind: 'photograph',
  type: 'image/jpeg',
  bytes: photographs[i] ? readFileSync(photographs[i]) : Buffer.alloc(0),
}));
