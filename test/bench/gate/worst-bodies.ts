/** Bodies that cost their readers as much as possible, by kind, each with the plain kind that it is compared with. */

export interface WorstBody {
  kind: string;
  /** The plain body of the same kind. */
  plain: 'form' | 'json' | 'text';
  type: string;
  /** @param size bytes, reached approximately */
  make(size: number): Buffer;
}

const JSON_TYPE = 'application/json';
const FORM = 'multipart/form-data; boundary=QQ';
const URLENCODED = 'application/x-www-form-urlencoded';

/** `unit` repeated between `open` and `close` up to the size; `unit` may depend on its number. */
const repeated =
  (open: string, unit: string | ((i: number) => string), close: string, separator = ',') =>
  (size: number): Buffer => {
    const units: string[] = [];
    for (let length = 0; length < size; ) {
      const next = typeof unit === 'string' ? unit : unit(units.length);
      units.push(next);
      length += next.length + separator.length;
    }
    return Buffer.from(`${open}${units.join(separator)}${close}`, 'latin1');
  };

/** Characters that resemble noise and do not differ between runs. */
function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

const inJson = (text: (size: number) => string) => (size: number) => Buffer.from(JSON.stringify({ x: text(size) }));
const part = (i: number, headers = '') =>
  `--QQ\r\nContent-Disposition: form-data; name="f${i}"${headers}\r\n\r\nvalue value value\r\n`;
const b64 = (size: number, seed = 1) => noise((size * 3) >> 2, seed).toString('base64');

function nested(size: number): string {
  let text = 'x'.repeat(size >> 4);
  for (let i = 0; i < 4; i++) text = JSON.stringify({ a: text, b: text.slice(0, size >> 4) });
  return text.padEnd(size, ' ');
}

export const WORST: WorstBody[] = [
  { kind: 'empty strings', plain: 'json', type: JSON_TYPE, make: repeated('{"x":[', '""', ']}') },
  { kind: 'strings of 3', plain: 'json', type: JSON_TYPE, make: repeated('{"x":[', '"abc"', ']}') },
  { kind: 'strings of 12', plain: 'json', type: JSON_TYPE, make: repeated('{"x":[', '"abcdefghijkl"', ']}') },
  { kind: 'strings of 12, data:', plain: 'json', type: JSON_TYPE, make: repeated('{"x":[', '"data:,/9j/4A"', ']}') },
  {
    kind: 'strings of 40',
    plain: 'json',
    type: JSON_TYPE,
    make: repeated('{"x":[', `"${'ab cd, ef.'.repeat(4)}"`, ']}'),
  },
  { kind: 'strings in objects', plain: 'json', type: JSON_TYPE, make: repeated('{"x":[', '{"a":"abc"}', ']}') },
  { kind: 'names', plain: 'json', type: JSON_TYPE, make: repeated('{"x":{', (i) => `"k${i}":0`, '}}') },
  {
    kind: 'names of 70',
    plain: 'json',
    type: JSON_TYPE,
    make: repeated('{"x":{', (i) => `"${String(i).padStart(70, 'k')}":0`, '}}'),
  },
  { kind: 'outermost names', plain: 'json', type: JSON_TYPE, make: repeated('{', (i) => `"k${i}":0`, '}') },
  { kind: 'digits', plain: 'json', type: JSON_TYPE, make: repeated('{"x":[', '0', ']}') },
  { kind: 'long numbers', plain: 'json', type: JSON_TYPE, make: repeated('{"x":[', '-1.2345e-7', ']}') },
  { kind: 'true', plain: 'json', type: JSON_TYPE, make: repeated('{"x":[', 'true', ']}') },
  { kind: 'arrays of one', plain: 'json', type: JSON_TYPE, make: repeated('{"x":[', '[0]', ']}') },
  { kind: 'empty arrays', plain: 'json', type: JSON_TYPE, make: repeated('{"x":[', '[]', ']}') },
  { kind: 'empty objects', plain: 'json', type: JSON_TYPE, make: repeated('{"x":[', '{}', ']}') },
  {
    kind: 'arrays 100 deep',
    plain: 'json',
    type: JSON_TYPE,
    make: repeated('{"x":[', '['.repeat(100) + ']'.repeat(100), ']}'),
  },
  { kind: 'numbers, then text', plain: 'json', type: JSON_TYPE, make: repeated('{"x":[', '[0,""]', ']}') },
  { kind: 'escapes', plain: 'json', type: JSON_TYPE, make: repeated('{"x":"', '\\n', '"}', '') },
  { kind: 'unicode escapes', plain: 'json', type: JSON_TYPE, make: repeated('{"x":"', '\\u0041', '"}', '') },
  { kind: 'escaped strings of 12', plain: 'json', type: JSON_TYPE, make: repeated('{"x":[', '"\\u0041bc def"', ']}') },
  { kind: 'JSON in strings', plain: 'json', type: JSON_TYPE, make: inJson(nested) },
  {
    kind: 'JSON that breaks at its end',
    plain: 'json',
    type: JSON_TYPE,
    make: repeated('{"x":[', '"abcdefghijklm"', ']'),
  },
  { kind: 'NDJSON', plain: 'json', type: 'application/x-ndjson', make: repeated('', '{"a":1}', '', '\n') },
  { kind: 'hexadecimal', plain: 'json', type: JSON_TYPE, make: inJson((size) => noise(size >> 1).toString('hex')) },
  { kind: 'base64 of noise', plain: 'json', type: JSON_TYPE, make: inJson((size) => b64(size)) },
  {
    kind: 'base64, URL-safe',
    plain: 'json',
    type: JSON_TYPE,
    make: inJson((size) => noise((size * 3) >> 2).toString('base64url')),
  },
  { kind: 'base64 of both alphabets', plain: 'json', type: JSON_TYPE, make: inJson((size) => `-_+/${b64(size)}`) },
  {
    kind: 'base64 with other characters',
    plain: 'json',
    type: JSON_TYPE,
    make: inJson((size) => b64(size).replace(/(.{60})./g, '$1!')),
  },
  {
    kind: 'base64 of base64',
    plain: 'json',
    type: JSON_TYPE,
    make: inJson((size) => Buffer.from(Buffer.from(b64(size >> 1)).toString('base64')).toString('base64')),
  },
  {
    kind: 'data: URLs',
    plain: 'json',
    type: JSON_TYPE,
    make: repeated('{"x":[', '"data:image/png;base64,AAAA"', ']}'),
  },
  { kind: 'beginnings of images', plain: 'text', type: 'text/plain', make: repeated('', '/9j/4AAQSkZJ', '', ' ') },
  { kind: 'words', plain: 'text', type: 'text/plain', make: repeated('', 'a', '', ' ') },
  { kind: 'percent signs', plain: 'text', type: 'text/plain', make: repeated('', '%4', '', '') },
  { kind: 'percent escapes', plain: 'text', type: 'text/plain', make: repeated('', '%2541', '', '') },
  { kind: 'entities', plain: 'text', type: 'text/plain', make: repeated('', '&#65;', '', '') },
  { kind: 'backslashes', plain: 'text', type: 'text/plain', make: repeated('', '\\\\', '', '') },
  { kind: 'runs of 96', plain: 'text', type: 'text/plain', make: repeated('', (i) => b64(96, i + 1), '', ' ') },
  { kind: 'UTF-32', plain: 'text', type: 'text/plain', make: repeated('', 'a\0\0\0', '', '') },
  { kind: 'fields of 20', plain: 'form', type: URLENCODED, make: repeated('', 'name=value+value%20a', '', '&') },
  { kind: 'fields of 1', plain: 'form', type: URLENCODED, make: repeated('', 'a=1', '', '&') },
  { kind: 'parts, too many', plain: 'form', type: FORM, make: repeated('', part, '--QQ--\r\n', '') },
  {
    kind: 'a thousand parts',
    plain: 'form',
    type: FORM,
    make: (size) =>
      repeated('', (i) => part(i).replace('value value', 'value, '.repeat(size / 8000)), '--QQ--\r\n', '')(size * 0.95),
  },
  {
    kind: 'header lines',
    plain: 'form',
    type: FORM,
    make: repeated('--QQ\r\n', 'X-A: b', '\r\n\r\nx\r\n--QQ--\r\n', '\r\n'),
  },
  {
    kind: 'almost boundaries',
    plain: 'form',
    type: FORM,
    make: repeated(part(0).slice(0, -2), '--QQ', '\r\n--QQ--\r\n', ''),
  },
];

/** Bodies that clients send often, by kind: records in JSON, a form of short fields, and lines of a log. */
export function ordinaryBodies(size: number): Record<WorstBody['plain'], { type: string; body: Buffer }> {
  const record = (id: number) =>
    JSON.stringify({ id, name: `item ${id}`, tags: ['red', 'large'], price: id / 8, note: `seen at gate ${id % 7}` });
  const field = (i: number) => `first_name_${i}=Ada&city_${i}=New+York&address_${i}=221B%20Baker%20Street&age_${i}=36`;
  const line = (i: number) => `2026-11-29T12:00:${String(i % 60).padStart(2, '0')}Z INFO request ${i} took 12 ms\n`;
  return {
    form: { type: URLENCODED, body: repeated('', field, '', '&')(size) },
    json: { type: JSON_TYPE, body: repeated('{"records":[', record, ']}')(size) },
    text: { type: 'text/plain', body: repeated('', line, '', '')(size) },
  };
}

/** The plain bodies: a photograph in a form, in JSON, and a text. @param jpeg a JPEG file */
export function plainBodies(jpeg: Buffer, size: number): Record<WorstBody['plain'], { type: string; body: Buffer }> {
  // bytes after the end marker belong to the file, and its readers ignore them
  const photograph = (length: number) => Buffer.concat([jpeg, noise(Math.max(0, length - jpeg.length))]);
  const head = '--QQ\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n';
  const form = Buffer.concat([Buffer.from(head), photograph(size), Buffer.from('\r\n--QQ--\r\n')]);
  const json = Buffer.from(JSON.stringify({ images: [{ data: photograph((size * 3) >> 2).toString('base64') }] }));
  const line = 'The gate reads each request once, and accounts for every byte of its body.\n';
  return {
    form: { type: FORM, body: form },
    json: { type: JSON_TYPE, body: json },
    text: { type: 'text/plain', body: Buffer.from(line.repeat(size / line.length)) },
  };
}
