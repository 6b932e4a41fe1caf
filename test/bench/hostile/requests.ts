/** Malformed requests: whole HTTP messages as bytes, from a seeded generator. */
import type { Random } from './random.ts';

export interface Malformed {
  kind: string;
  bytes: Buffer;
}

const PATHS = [
  '/v1/detect',
  '/v1/detect?tenant=%ff',
  '/v1/tenants/a',
  '/v1/tenants/demo/check',
  '/v1/admin/keys',
  '/v2/models/demo/infer',
  '/classify',
  '/cl%61ssify/%ff',
  '//classify/../classify',
  '/%',
];
const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'QUERY', 'PROPFIND'];
const JSONS = [
  '{"images":[0,0,0]}',
  '{"images":[',
  '{"images":[{"data":"****"}]}',
  '{"images":{"a":1},"images":[]}',
  '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[',
  '{"inputs":[{"name":"image","datatype":"BYTES","shape":[-1],"data":[1e999]}]}',
  '{"classes":["a","a",null,1e5,"\\ud800"]}',
  '{"name":"a","scopes":["\\u0000"]}',
  '\ufeff{"a":1}',
  'nul',
  '{"__proto__":{"a":1},"constructor":1}',
  '"',
];
const DISPOSITIONS = [
  'Content-Disposition: form-data; name="file"; filename="a.jpg"',
  "Content-Disposition: form-data; name*0=fi; name*1=le; filename*=utf-8''%ff",
  'Content-Disposition: attachment',
  'Content-Disposition : form-data; name="a"',
  'content-transfer-encoding: base64',
  'X: \0',
  '',
];
const LINES = [
  'POST /v1/detect HTTP/9.9',
  'POST  /v1/detect HTTP/1.1',
  'POST /v1/detect',
  'POST /v1/de\0tect HTTP/1.1',
  'BREW /v1/detect HTTP/1.1',
  'POST http://[::1/ HTTP/1.1',
  'CONNECT a:1 HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03',
  'PRI * HTTP/2.0',
];
const HEADERS = [
  'Content-Length: -1',
  'Content-Length: 1e3',
  'Content-Length: 5\r\nContent-Length: 6',
  'Transfer-Encoding: chunked\r\nContent-Length: 3',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, identity',
  'Expect: 100-continue',
  'Expect: something',
  'Upgrade: h2c\r\nConnection: Upgrade',
  'Upgrade: websocket\r\nConnection: Upgrade',
  'Content-Encoding: gzip, gzip, gzip',
  'Content-Encoding: br',
  'Host: a\r\nHost: b',
  'No colon here',
  ': empty name',
  'X\0Y: 1',
  ' folded: 1',
  'Inference-Header-Content-Length: 99999999999',
  'Content-Type: multipart/form-data',
  'Content-Type: text/plain\r\nContent-Type: application/json',
];

const changed = (random: Random, body: Buffer): Buffer => {
  const bytes = Buffer.from(body);
  for (let i = random.int(6); i > 0 && bytes.length > 0; i--) bytes[random.int(bytes.length)] = random.int(256);
  return random.int(3) === 0 ? bytes.subarray(0, random.int(bytes.length + 1)) : bytes;
};

const message = (line: string, headers: string[], body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${[line, 'Host: localhost', ...headers].join('\r\n')}\r\n\r\n`, 'latin1'), body]);

const framed = (random: Random, type: string, body: Buffer): Buffer =>
  message(
    `${random.pick(METHODS.slice(0, 3))} ${random.pick(PATHS)} HTTP/1.1`,
    [`Content-Type: ${type}`, `Content-Length: ${body.length}`],
    body,
  );

function form(random: Random): Buffer {
  const parts = Array.from({ length: random.int(6) }, () => {
    const ends = random.pick(['\r\n', '\r\n', '\n']);
    const headers = Array.from({ length: random.int(4) }, () => random.pick(DISPOSITIONS)).join(ends);
    return `--x${random.pick(['', '', ' ', '--'])}${ends}${headers}${ends}${ends}${random.bytes(random.int(64)).toString('latin1')}${ends}`;
  });
  return Buffer.from(`${parts.join('')}${random.pick(['--x--\r\n', '--x--', '--x', ''])}`, 'latin1');
}

function chunked(random: Random): Buffer {
  const size = random.pick(['5', 'fffffffffffffffff', '-1', '5;a=b', '0x5', 'g', '5 ', '']);
  const end = random.pick(['\r\n0\r\n\r\n', '\n0\n\n', '\r\n0\r\nContent-Length: 4\r\n\r\n', '']);
  return Buffer.from(`${size}\r\nhello${end}`, 'latin1');
}

/** One malformed request. Some are not complete, so that the sender has to end its side for an answer. */
export function malformed(random: Random): Malformed {
  switch (random.int(6)) {
    case 0:
      return { kind: 'line', bytes: message(random.pick(LINES), [], Buffer.alloc(0)) };
    case 1: {
      const headers = Array.from({ length: 1 + random.int(3) }, () => random.pick(HEADERS));
      return {
        kind: 'headers',
        bytes: message(`POST ${random.pick(PATHS)} HTTP/1.1`, headers, random.bytes(random.int(64))),
      };
    }
    case 2: {
      const body = chunked(random);
      return {
        kind: 'chunks',
        bytes: message(`POST ${random.pick(PATHS)} HTTP/1.1`, ['Transfer-Encoding: chunked'], body),
      };
    }
    case 3:
      return {
        kind: 'form',
        bytes: framed(random, 'multipart/form-data; boundary=x', changed(random, form(random))),
      };
    case 4:
      return {
        kind: 'json',
        bytes: framed(random, 'application/json', changed(random, Buffer.from(random.pick(JSONS)))),
      };
    default: {
      const whole = framed(random, 'application/json', Buffer.from(random.pick(JSONS)));
      return { kind: 'any byte', bytes: changed(random, whole) };
    }
  }
}
