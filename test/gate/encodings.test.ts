import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { readRequest } from '../../src/gate/reading/index.ts';
import { waves } from '../helpers/images.ts';
import { base85, inRadix, NUMBERS, SPREAD, TEXTS, WORDS } from './differential/other-encodings.ts';

const read = (body: string, type = 'application/json') =>
  readRequest(
    { body: Buffer.from(body), headers: { 'content-type': type }, target: '/x' },
    { adapter: 'auto', maxImages: 64, maxBodyBytes: 1 << 24 },
  );
const json = (x: unknown) => JSON.stringify({ x });

/** Noise of the same bytes on every run. */
function noise(length: number): Buffer {
  let state = 7;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    }),
  );
}
/** A TGA of 20 x 20 pixels, whose format has no signature. */
const TGA = Buffer.concat([Buffer.from([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 20, 0, 24, 0]), noise(1200)]);
const PPM = Buffer.concat([Buffer.from('P6 20 20 255\n'), noise(1200)]);
const pictures = async () => ({
  JPEG: await waves(60, 40, 3).jpeg().toBuffer(),
  PNG: await waves(20, 20, 3).png().toBuffer(),
  PPM,
  TGA,
});

/** Either outcome is right: a picture inside is judged, or the request is unexamined. */
async function accounted(body: string, name: string, type?: string): Promise<void> {
  const { extraction, unexamined } = await read(body, type);
  assert.ok(extraction.images.length > 0 || unexamined !== undefined, `${name} passed as "no image"`);
  if (unexamined) assert.ok(unexamined.why.length < 200 && unexamined.place.length > 0, name);
}

describe('a picture in an encoding other than base64', () => {
  for (const [encoding, encode] of Object.entries(TEXTS))
    it(`a picture as ${encoding} does not pass, in JSON, in a field and as a text`, async () => {
      for (const [format, bytes] of Object.entries(await pictures())) {
        const text = encode(bytes);
        await accounted(json(text), `${format} in JSON`);
        await accounted(json([{ a: text, b: 'hello' }]), `${format} deeper in JSON`);
        await accounted(
          `a=1&b=${encodeURIComponent(text)}`,
          `${format} in a field`,
          'application/x-www-form-urlencoded',
        );
        await accounted(text, `${format} as a text`, 'text/plain');
      }
    });

  it('a picture as one large number in some radix does not pass, and neither does a number of very many digits', async () => {
    const { TGA: _, ...signed } = await pictures();
    for (const [encoding, encode] of Object.entries(NUMBERS))
      for (const [format, bytes] of Object.entries(signed))
        await accounted(json(encode(bytes)), `${format}, ${encoding}`);
    await accounted(`{"x":${inRadix(PPM, '0123456789')}}`, 'a number of JSON');
    assert.equal((await read(`{"x":${'7'.repeat(1234)}}`)).unexamined, undefined);
  });

  it('a picture that is spread over the values of an array or object does not pass', async () => {
    const all = await pictures();
    for (const [encoding, encode] of Object.entries(SPREAD))
      for (const [format, bytes] of Object.entries(all)) await accounted(json(encode(bytes)), `${format}, ${encoding}`);
    const { TGA: _, ...signed } = all;
    for (const [encoding, encode] of Object.entries(WORDS))
      for (const [format, bytes] of Object.entries(signed))
        await accounted(json(encode(bytes)), `${format}, ${encoding}`);
  });

  it('packed text in base64 is unpacked and examined, so that it passes if it is harmless', async () => {
    const text = '<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>'.repeat(3);
    for (const encoding of ['gzip in base64', 'zlib in base64', 'deflate in base64']) {
      const { unexamined } = await read(json(TEXTS[encoding]?.(Buffer.from(text))));
      assert.equal(unexamined, undefined, encoding);
    }
  });
});

describe('a long text in an encoding that is not undone', () => {
  const xored = Buffer.from(noise(5000).map((c) => c ^ 0x5a));
  const OPAQUE: Record<string, string> = {
    'base85 of unknown bytes': base85(
      xored,
      '!"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstu',
    ),
    'base64 from its end': [...xored.toString('base64')].reverse().join(''),
    'Braille characters': [...xored].map((c) => String.fromCodePoint(0x2800 + c)).join(''),
    ideographs: Array.from({ length: 2500 }, (_, i) =>
      String.fromCodePoint(0x4e00 + (xored.readUInt16BE(2 * i) % 20_000)),
    ).join(''),
    'base32 of unknown bytes': TEXTS['base32']?.(xored) ?? '',
    'hexadecimal of unknown bytes': xored.toString('hex'),
    'pixels as 32-bit floats': Buffer.from(Float32Array.from(noise(3072), (c) => c / 255).buffer).toString('base64'),
  };
  for (const [name, text] of Object.entries(OPAQUE))
    it(`${name} is unexamined`, async () => assert.notEqual((await read(json(text))).unexamined, undefined));

  it('prose, code, numbers, lists of identifiers and short secrets pass', async () => {
    const list = (count: number, one: (i: number) => string, separator = ',') =>
      Array.from({ length: count }, (_, i) => one(i)).join(separator);
    const bytes = (i: number, n = 16) => noise(n * 400).subarray(i * n, (i + 1) * n);
    const honest: Record<string, string> = {
      'code without blanks': list(900, (i) => `function f${i}(a,b){return a[${i}]+b.x${i % 7}(a?"y":'z')}`, ';'),
      numbers: list(3000, (i) => `${Math.sin(i)}`),
      'a path of SVG': list(
        2000,
        (i) => `${'MLC'[i % 3]}${(Math.sin(i) * 90).toFixed(2)},${(Math.cos(i) * 9).toFixed(2)}`,
        '',
      ),
      identifiers: list(300, (i) => bytes(i).toString('hex')),
      'tokens with commas': list(300, (i) => bytes(i).toString('base64url')),
      'hashes in lines': list(300, (i) => bytes(i).toString('hex'), '\n'),
      'links with signatures': list(
        90,
        (i) => `https://x.example/${i}?Signature=${bytes(i, 32).toString('hex')}&Expires=1`,
      ),
      'a sequence of amino acids': [...noise(9000)].map((c) => 'ACDEFGHIKLMNPQRSTVWY'[c % 20]).join(''),
      'a sentence in Chinese':
        '模型把照片分为已知的类别和未知的类别，并说明它是否属于任何一个类别。我们在门口检查每一张照片。'.repeat(40),
      'a vector of 1,536 numbers': Buffer.from(
        new Float32Array(Array.from({ length: 1536 }, (_, i) => Math.sin(i))).buffer,
      ).toString('base64'),
      'a key of 4,096 bits': randomBytes(512).toString('base64'),
      'a random password': base85(
        bytes(0, 64),
        '!"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstu',
      ),
    };
    for (const [name, text] of Object.entries(honest))
      assert.deepEqual((await read(json(text))).unexamined, undefined, name);
  });
});

describe('a picture in other notations of programs', () => {
  const array = (one: (byte: number) => string) => (bytes: Buffer) => `{"x":[${[...bytes].map(one).join(', ')}]}`;
  const inJson = (text: (bytes: Buffer) => string) => (bytes: Buffer) => json(text(bytes));
  const b64 = (bytes: Buffer) => bytes.toString('base64');
  const octal = (bytes: Buffer) =>
    [...bytes]
      .map((c) => (c > 0x1f && c < 0x7f ? String.fromCharCode(c) : `\\${c.toString(8).padStart(3, '0')}`))
      .join('');
  const NOTATIONS: Record<string, (bytes: Buffer) => string> = {
    'numbers with an exponent': array((c) => `${c / 100}e2`),
    'numbers with the exponent 0': array((c) => `${c}e0`),
    'numbers with a negative exponent': array((c) => `${c}0e-1`),
    'numbers with a plus sign': array((c) => `+${c}`),
    'octal escapes': inJson(octal),
    'octal escapes in quotes': (bytes) => `image: "${octal(bytes)}"`,
    'a list of YAML': (bytes) => `image:\n${[...bytes].map((c) => `- ${c}`).join('\n')}\n`,
    'a block of YAML': (bytes) => `image: |\n  ${b64(bytes).replace(/.{60}/g, '$&\n  ')}\n`,
    'a message with a head': inJson((bytes) => `Content-Type: image/x\n\n${b64(bytes).replace(/.{76}/g, '$&\n')}`),
    'lines of JSON in a PDF': (bytes) => `%PDF-1.7\n%\0\n{"image":"${b64(bytes)}"}\n`,
  };
  for (const [notation, write] of Object.entries(NOTATIONS))
    it(`a picture as ${notation} does not pass`, async () => {
      for (const [format, bytes] of Object.entries(await pictures()))
        await accounted(write(bytes), format, 'text/plain');
    });

  it('a picture inside binary data in base64 does not pass, however short the data is', async () => {
    const { JPEG, PNG } = await pictures();
    for (const bytes of [JPEG, PNG])
      await accounted(json(b64(Buffer.concat([Buffer.from([0x0a, 0x80, 0x01, 0xff]), bytes]))), 'protocol buffers');
  });

  it('pixels stay pixels with a few other numbers among them', async () => {
    await accounted(json([0.5, ...noise(3072)]), 'one float');
    assert.equal((await read(json(Array.from({ length: 3072 }, (_, i) => Math.sin(i))))).unexamined, undefined);
  });

  it('a WebP file as characters does not pass', async () => {
    const webp = await waves(60, 40, 3).webp().toBuffer();
    for (let size = 0x80; size < 0xff; size += 9) {
      webp.writeUInt32LE(size, 4);
      await accounted(json(webp.toString('latin1')), `size ${size}`);
    }
  });
});

describe('text and base64 around a picture', () => {
  const gif = Buffer.from('R0lGODdhAgADAIEAAAAAAAAAAAAAAAAAACwAAAAAAgADAAAIBgABCBwYEAA7', 'base64');
  const b64 = gif.toString('base64');

  it('text after the end of a picture is examined, because programs read lines of JSON in it', async () => {
    const jpeg = await waves(60, 40, 3).jpeg().toBuffer();
    const after = Buffer.concat([jpeg, Buffer.from(`\n{"image":"${PPM.toString('base64')}"}\n`)]);
    const { unexamined } = await readRequest(
      { body: after, headers: { 'content-type': 'image/jpeg' } },
      { adapter: 'auto', maxImages: 64, maxBodyBytes: 1 << 24 },
    );
    assert.match(unexamined?.place ?? '', /after the image/);
  });

  it('base64 that a bracket interrupts is not judged by its beginning alone', async () => {
    const cut = `${b64.slice(0, 30)}{${b64.slice(30)}`;
    for (const body of [`${cut}=1`, json(cut), `see "${cut}`]) {
      const { extraction, unexamined } = await read(body, 'text/plain');
      assert.deepEqual([extraction.images.length, typeof unexamined?.why], [0, 'string'], body);
    }
  });

  it('JSON that is full of findings and broken at its end is read again as a text, from its beginning', async () => {
    const expected = { adapter: 'json' as const, pointers: ['/images/*'], maxImages: 64, maxBodyBytes: 1 << 24 };
    for (const filler of ['0', JSON.stringify(`<svg xmlns="x">`)]) {
      const body = `{"images":[${Array(200).fill(filler).join()}],"x":"${PPM.toString('base64')}",}`;
      const headers = { 'content-type': 'application/json' };
      const { unexamined } = await readRequest({ body: Buffer.from(body), headers }, expected);
      assert.notEqual(unexamined, undefined, filler);
    }
  });

  it('base64 of base64 with a damaged outer layer does not pass', async () => {
    const twice = Buffer.from(PPM.toString('base64')).toString('base64');
    await accounted(json(`${twice.slice(0, 60)}{${twice.slice(61)}`), 'a changed character');
    await accounted(json(twice.slice(0, 60) + twice.slice(61)), 'a lost character');
  });
});
