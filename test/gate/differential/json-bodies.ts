import fc from 'fast-check';
import { type Picture, type Sample, sampleOf } from './body.ts';
import { encoded, jsonValue, LENIENT_COUNT, VALUE_COUNT } from './encodings.ts';

const KEYS =
  'image img photo content data b64 b64_json inputs instances image_url url file bytes body image_bytes x images picture payload source'.split(
    ' ',
  );

/** Encodings of a JSON text, with the types that a client might declare. */
const WRITTEN: [name: string, write: (text: string) => Buffer][] = [
  ['UTF-8', (t) => Buffer.from(t)],
  ['UTF-8', (t) => Buffer.from(t)],
  ['UTF-8', (t) => Buffer.from(t)],
  ['UTF-8', (t) => Buffer.from(t)],
  ['mark of byte order', (t) => Buffer.from(`\ufeff${t}`)],
  ['two marks of byte order', (t) => Buffer.from(`\ufeff\ufeff${t}`)],
  ['UTF-16LE', (t) => Buffer.from(t, 'utf16le')],
  ['UTF-16LE, marked', (t) => Buffer.from(`\ufeff${t}`, 'utf16le')],
  ['UTF-16BE', (t) => Buffer.from(t, 'utf16le').swap16()],
  ['UTF-16BE, marked', (t) => Buffer.from(`\ufeff${t}`, 'utf16le').swap16()],
  ['UTF-32LE', (t) => Buffer.from([...t].flatMap((c) => [...int32(c.codePointAt(0) as number)]))],
  ['UTF-32BE', (t) => Buffer.from([...t].flatMap((c) => [...int32(c.codePointAt(0) as number).reverse()]))],
  ['80 blanks before', (t) => Buffer.from(' '.repeat(80) + t)],
  ['line breaks before', (t) => Buffer.from(`\r\n\t\r\n${t}\n\n`)],
  ['Latin-1', (t) => Buffer.from(t, 'latin1')],
  ['two documents', (t) => Buffer.from(`{"a":1}\n${t}\n`)],
  ['a broken line before', (t) => Buffer.from(`{"a":\n${t}\n`)],
  ['a log line before', (t) => Buffer.from(`[12:00] start\n${t}\n`)],
  ['a comment before', (t) => Buffer.from(`// x\n${t}`)],
  ['a comma at the end', (t) => Buffer.from(t.replace(/([}\]])$/, ',$1'))],
  ['quotes of JavaScript', (t) => Buffer.from(t.replaceAll('"', "'"))],
  ['names without quotes', (t) => Buffer.from(t.replace(/"(\w+)":/g, '$1:'))],
  ['text after the end', (t) => Buffer.from(`${t} x`)],
  ['NUL after the end', (t) => Buffer.from(`${t}\0`)],
];
function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const TYPES = [
  'application/json',
  'application/json',
  'application/json',
  'application/json; charset=utf-8',
  'text/plain',
  'application/octet-stream',
  undefined,
  'application/x-ndjson',
  'text/json',
  'application/vnd.api+json',
  'image/jpeg',
  'application/json; charset=utf-16',
  'application/x-www-form-urlencoded',
  'json',
  'text/html',
];
const PATHS = [
  '/auto',
  '/auto',
  '/auto',
  '/json',
  '/tf-serving',
  '/kserve-v1',
  '/oip-v2',
  '/triton-raw',
  '/torchserve',
  '/raw',
  '/multipart',
];

/** The value at the end of a path of names and indices. */
function nested(value: string, path: readonly (string | number)[]): string {
  return path.reduceRight<string>((inner, step) => {
    if (typeof step === 'string') return `{${JSON.stringify(step)}:${inner}}`;
    return `[${'null,'.repeat(step)}${inner}]`;
  }, value);
}

/** Ways to put a judged picture beside the value. */
const DECOYS: ((value: string, decoy: string) => string)[] = [
  (v) => v,
  (v) => v,
  (v, d) => (v[0] === '{' ? `{"photo":"${d}",${v.slice(1)}` : `["${d}",${v}]`),
  (v, d) => `{"instances":[{"b64":"${d}"}],"x":${v}}`,
  (v, d) => `{"instances":[{"b64":"${d}"},${v}]}`,
  (v, d) => `[${v},"${d}"]`,
  (v, d) =>
    `{"inputs":[{"name":"i","shape":[1],"datatype":"BYTES","data":["${d}"]},{"name":"j","shape":[1],"datatype":"BYTES","data":[${v}]}]}`,
  (v, d) => `{"image":"${d}","image":${v}}`,
  (v, d) => `{"a":${v},"image":{"a":"${d}"}}`,
];

export function jsonBodies(pictures: readonly Picture[], decoy: Picture): fc.Arbitrary<Sample> {
  const step = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...KEYS) }, { weight: 1, arbitrary: fc.nat(3) });
  const deep = fc.constantFrom(9, 20, 60, 127, 128, 140).map((n) => Array<string>(n).fill('a'));
  const path = fc.oneof({ weight: 15, arbitrary: fc.array(step, { maxLength: 4 }) }, { weight: 1, arbitrary: deep });
  return fc
    .record({
      picture: fc.constantFrom(...pictures),
      // half of the texts are plain, so that more than the text is varied
      lenient: fc.oneof(fc.constant(0), fc.nat(LENIENT_COUNT - 1)),
      at: fc.nat(200),
      value: fc.nat(VALUE_COUNT - 1),
      path,
      decoy: fc.constantFrom(...DECOYS.keys()),
      written: fc.oneof(fc.constant(0), fc.nat(WRITTEN.length - 1)),
      type: fc.constantFrom(...TYPES),
      to: fc.constantFrom(...PATHS),
    })
    .map((made) => {
      const text = encoded(made.picture, made.lenient, made.at);
      const { name, value } = jsonValue(made.picture, made.value, text.text);
      const beside = (DECOYS[made.decoy] as (typeof DECOYS)[number])(
        nested(value, made.path),
        decoy.bytes.toString('base64'),
      );
      const [encoding, write] = WRITTEN[made.written] as (typeof WRITTEN)[number];
      const how = `JSON: ${made.picture.name}, ${text.name}, ${name}, ${encoding}, decoy ${made.decoy}`;
      return sampleOf(how, made.type, write(beside), made.to);
    });
}
