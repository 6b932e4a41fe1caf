import fc from 'fast-check';
import { type Picture, type Sample, sampleOf } from './body.ts';
import { encoded, LENIENT_COUNT } from './encodings.ts';
import { formBodies } from './form-bodies.ts';
import { jsonBodies } from './json-bodies.ts';

const URLENCODED = 'application/x-www-form-urlencoded';
const RAW_TYPES = [
  'image/jpeg',
  'image/png',
  'application/octet-stream',
  undefined,
  'text/plain',
  'image/*',
  'x',
  'application/json',
  URLENCODED,
  'application/grpc',
];

function fieldBodies(pictures: readonly Picture[]): fc.Arbitrary<Sample> {
  return fc
    .record({
      picture: fc.constantFrom(...pictures),
      lenient: fc.nat(LENIENT_COUNT - 1),
      at: fc.nat(200),
      how: fc.constantFrom('escaped', 'plus', 'bytes', 'semicolon', 'name', 'JSON', 'twice'),
      type: fc.constantFrom(URLENCODED, URLENCODED, `${URLENCODED}; charset=utf-8`, 'text/plain', undefined),
      to: fc.constantFrom('/auto', '/auto', '/json', '/torchserve'),
    })
    .map(({ picture, lenient, at, how, type, to }) => {
      const { name, text } = encoded(picture, lenient, at);
      const once = encodeURIComponent(text);
      const every = [...picture.bytes].map((b) => `%${b.toString(16).padStart(2, '0')}`).join('');
      const body = {
        escaped: `a=1&image=${once}`,
        plus: `a=1&image=${text.replaceAll(' ', '+')}`,
        bytes: `image=${every}&b=2`,
        semicolon: `a=1;image=${once}`,
        name: `${once}=1`,
        JSON: `json=${encodeURIComponent(JSON.stringify({ image: text }))}`,
        twice: `image=${encodeURIComponent(once)}`,
      }[how];
      return sampleOf(`fields: ${picture.name}, ${name}, ${how}`, type, body, to);
    });
}

function rawBodies(pictures: readonly Picture[]): fc.Arbitrary<Sample> {
  return fc
    .record({
      picture: fc.constantFrom(...pictures),
      lenient: fc.nat(LENIENT_COUNT - 1),
      at: fc.nat(200),
      how: fc.constantFrom('alone', 'alone', 'before', 'after', 'base64', 'base64'),
      type: fc.constantFrom(...RAW_TYPES),
      length: fc.constantFrom(undefined, undefined, undefined, '0', '2', '00'),
      to: fc.constantFrom('/auto', '/raw', '/torchserve', '/triton-raw', '/oip-v2'),
    })
    .map(({ picture, lenient, at, how, type, length, to }) => {
      const { name, text } = encoded(picture, lenient, at);
      const body = {
        alone: picture.bytes,
        before: Buffer.concat([Buffer.from('\n'), picture.bytes]),
        after: Buffer.concat([picture.bytes, Buffer.from('{"a":1}')]),
        base64: Buffer.from(text),
      }[how];
      const sample = sampleOf(
        `raw: ${picture.name}, ${how}${how === 'base64' ? ` (${name})` : ''}, ${type}`,
        type,
        body,
        to,
      );
      if (length !== undefined) sample.headers.push(['inference-header-content-length', length]);
      return sample;
    });
}

/** One in eight bodies with a few bytes changed, removed or added. */
function mutated(samples: fc.Arbitrary<Sample>): fc.Arbitrary<Sample> {
  const change = fc.record({
    at: fc.nat(2000),
    cut: fc.nat(2),
    add: fc.constantFrom('', '\r\n', '\n', ' ', '"', '\0', '=', '--', '{', '\\', '\t'),
  });
  const changes = fc.option(fc.array(change, { minLength: 1, maxLength: 3 }), { freq: 7 });
  return fc.tuple(samples, changes).map(([sample, list]) => {
    if (!list) return sample;
    let { body } = sample;
    for (const { at, cut, add } of list) {
      const place = at % (body.length + 1);
      body = Buffer.concat([body.subarray(0, place), Buffer.from(add), body.subarray(place + cut)]);
    }
    return { ...sample, made: `${sample.made}, changed`, body };
  });
}

/** Bodies with a picture in any of the ways in which a server may find it. */
export function hostileBodies(pictures: readonly Picture[], decoy: Picture): fc.Arbitrary<Sample> {
  // a third of small ones, because most limits are about them
  const small = pictures.filter((p) => p.bytes.length < 200);
  const pool = [
    ...pictures,
    ...Array.from({ length: pictures.length >> 1 }, (_, i) => small[i % small.length] as Picture),
  ];
  return mutated(
    fc.oneof(
      { weight: 5, arbitrary: formBodies(pool, decoy) },
      { weight: 6, arbitrary: jsonBodies(pool, decoy) },
      { weight: 2, arbitrary: fieldBodies(pool) },
      { weight: 2, arbitrary: rawBodies(pool) },
    ),
  );
}
