import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ask, image, recordingUpstream, startGate } from '../helpers/gate.ts';

/** A TGA file of 2 x 2 grey pixels, all black. */
const TGA = Buffer.from([0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 0, 8, 0, 0, 0, 0, 0]);
const GIF = Buffer.from('R0lGODdhAgADAIEAAAAAAAAAAAAAAAAAACwAAAAAAgADAAAIBgABCBwYEAA7', 'base64');
const PHOTO = image('ID');
const b64 = (bytes: Buffer | string) => Buffer.from(bytes as string).toString('base64');
const insert = (text: string, at: number, what: string) => text.slice(0, at) + what + text.slice(at);
const floats = (bytes: Buffer) => `[${[...bytes].map((b) => `${b}.0`)}]`;

const BOUNDARY = 'multipart/form-data; boundary=bound';
const form = (head: string, content: Buffer, more = '') =>
  Buffer.concat([Buffer.from(`--bound\r\n${head}\r\n\r\n`), content, Buffer.from(`${more}\r\n--bound--\r\n`)]);
const FILE = 'Content-Disposition: form-data; name="a"; filename="a.jpg"';

/** Each was found by the differential test: some server behind the gate saw a picture that was not judged. */
const HIDDEN: Record<string, [type: string, body: Buffer | string]> = {
  'an array of signed bytes': ['application/json', JSON.stringify([...new Int8Array(GIF), -1])],
  'an array of whole floats': ['application/json', `{"x":${floats(TGA)}}`],
  'a small black TGA as an array': ['application/json', JSON.stringify({ x: [...TGA] })],
  'a number that strict parsers refuse, in an array': ['application/json', `{"x":[${[...GIF]},.0]}`],
  'an array in JSON5': ['application/json', `{x:[${[...GIF]}]}`],
  'a string in JSON5': ['application/json', `{'x':'${b64(b64(TGA))}',}`],
  'a comment before JSON': ['application/json', `// x\n{"x":[${[...GIF]}]}`],
  'a PBM of 8 characters': ['application/json', '{"x":"P1 1 1 1"}'],
  'the base64 of a PBM of 8 bytes': ['application/json', '{"x":"UDQgMSAxCgA"}'],
  'a PGM of digits and line breaks': ['application/json', JSON.stringify({ x: 'P2\n2\n2\n9\n1\n2\n3\n4' })],
  'base64 as a name': ['application/json', JSON.stringify({ [b64(GIF)]: 1 })],
  'JSON deeper than the limit': ['application/json', `${'['.repeat(130)}"${b64(TGA)}"${']'.repeat(130)}`],
  'base64 of base64 with a mark inside': ['application/json', JSON.stringify([insert(b64(b64(TGA)), 9, '!')])],
  'base64 of JSON with a hyphen inside': ['text/plain', insert(b64(`{"x":"${b64(GIF)}"}`), 5, '-')],
  'base64 of a weak format in a data URL without base64': ['text/plain', `data:image/png,${insert(b64(TGA), 7, '"')}`],
  'base64 that ends at its first padding': ['text/plain', `"${b64(b64(TGA))}=QUJDREVG\\U"`],
  'IPTC in base64': [
    'application/json',
    JSON.stringify({
      x: b64(Buffer.from('1c033c00020100' + '1c0314000101' + '1c031e000101' + '1c0378000101' + '1c080a000100', 'hex')),
    }),
  ],
  'a boundary inside a line': [BOUNDARY, form(FILE, PHOTO, `--bound\r\n${FILE}\r\n\r\n${GIF.toString('latin1')}`)],
  'a field without a file name': [BOUNDARY, form('Content-Disposition: form-data; name="a"', PHOTO)],
  'only filename*': [
    BOUNDARY,
    form(`Content-Disposition: form-data; name="a"; filename*=UTF-8''a.jpg\r\nContent-Type: image/jpeg`, PHOTO),
  ],
};

/** Honest values that resemble them. */
const HONEST: Record<string, unknown> = {
  labels: [1, 0, 2, 1, 0, 3, 9, 9, 1, 2, 0, 0, 4, 1, 2, 5, 8, 0, 1, 7],
  'one-hot vector': Array.from({ length: 100 }, (_, i) => (i === 2 ? 1 : 0)),
  'whole floats': [0, 1, 2, 3, 255, 128, 7, 9].map((n) => n * 1.0),
  words: ['P1 parking', 'U-turn now', 'PBM or PGM'],
  parameters_of_the_preprocessing_of_requests: 'BMW X5',
  token: 'Zm9vYmFy-LWJhcl9mb28_c2VjcmV0-a2V5LXZhbHVl_MTIzNDU2Nzg5MA',
};

describe('pictures that a server behind the gate could see', () => {
  const file = { routes: [{ match: { path: '/**' }, mode: 'enforce' }] };

  for (const [name, [type, body]] of Object.entries(HIDDEN))
    it(`judges or refuses ${name}`, async (t) => {
      const upstream = await recordingUpstream(t);
      const { url, engine } = await startGate(t, upstream.url, file);
      const answer = await ask(url, { path: '/x', headers: [['content-type', type]], body });
      if (engine.requests.length > 0 && upstream.requests.length > 0) {
        const judged = engine.requests.map(({ bytes }) => Buffer.from(bytes).subarray(0, GIF.length));
        assert.deepEqual(
          judged.filter((bytes) => !bytes.equals(GIF)),
          [],
          'the gate judged another picture than the hidden one',
        );
        return;
      }
      const outcome = [answer.status, answer.header('x-clipn-failure'), upstream.requests.length];
      assert.deepEqual(outcome, [422, 'unexamined', 0]);
    });

  it('passes labels, vectors, tokens and words that resemble them', async (t) => {
    const upstream = await recordingUpstream(t);
    const { url } = await startGate(t, upstream.url, file);
    const body = JSON.stringify(HONEST);
    const answer = await ask(url, { path: '/x', headers: [['content-type', 'application/json']], body });
    assert.deepEqual([answer.status, answer.header('x-clipn-unexamined')], [200, undefined]);
  });
});
