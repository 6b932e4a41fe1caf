import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  elementsOf,
  JsonTextError,
  membersOf,
  resolvePointer,
  rootOf,
  stringOf,
  typeOf,
} from '../../src/gate/adapters/json-text.ts';
import type { AdapterOptions } from '../../src/gate/adapters/types.ts';
import { ADAPTERS } from '../../src/gate/config/schema.ts';
import { readRequest } from '../../src/gate/reading/index.ts';
import { multipart } from '../helpers/app.ts';
import { image } from '../helpers/gate.ts';

const A = image('A');
const B = image('B');
const C = image('C');
const b64 = (bytes: Buffer) => bytes.toString('base64');
const JSON_TYPE = { 'content-type': 'application/json' };
const text = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

async function extract(
  adapter: (typeof ADAPTERS)[number],
  body: Buffer,
  headers: Record<string, string>,
  options: AdapterOptions,
) {
  const read = await readRequest({ body, headers }, { adapter, maxImages: 64, maxBodyBytes: 1 << 24, ...options });
  return { ...read.extraction, unexamined: read.unexamined };
}

/** Why a place of a body is neither judged nor known not to be an image. */
async function unexamined(...args: [(typeof ADAPTERS)[number], Buffer, Record<string, string>?, AdapterOptions?]) {
  const [adapter, body, headers = JSON_TYPE, options = {}] = args;
  return (await extract(adapter, body, headers, options)).unexamined?.why ?? '';
}

async function found(
  adapter: (typeof ADAPTERS)[number],
  body: Buffer,
  headers: Record<string, string> = JSON_TYPE,
  options: AdapterOptions = {},
) {
  return (await extract(adapter, body, headers, options)).images.map(({ bytes }) => bytes);
}

/** A binary BYTES tensor: lengths before elements. */
function binaryBytes(...elements: Buffer[]): Buffer {
  return Buffer.concat(
    elements.flatMap((element) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(element.length);
      return [length, element];
    }),
  );
}

describe('images in bodies', () => {
  it('the adapter raw finds the image that is the body', async () => {
    assert.deepEqual(await found('raw', A, { 'content-type': 'image/jpeg' }), [A]);
    assert.deepEqual(await found('raw', Buffer.alloc(0)), []);
  });

  it('the adapter multipart finds parts that are images, or those with the given names', async () => {
    const form = multipart([
      { name: 'image', type: 'image/jpeg', data: A },
      { name: 'meta', type: 'application/json', filename: 'm.json', data: '{}' },
      { name: 'other', type: 'application/octet-stream', data: B },
      { name: 'crop', type: 'text/plain', data: 'no image' },
    ]);
    assert.deepEqual(await found('multipart', form.payload, form.headers), [A, B]);
    assert.deepEqual(await found('multipart', form.payload, form.headers, { fields: ['image', 'crop'] }), [
      A,
      B,
      Buffer.from('no image'),
    ]);
    assert.match(await unexamined('multipart', form.payload, { 'content-type': 'multipart/form-data' }), /boundary/);
    assert.match(await unexamined('multipart', form.payload.subarray(0, 90), form.headers), /ends before|blank line/);
  });

  it('the adapter json finds images by pointers to strings, through arrays and to arrays, as data: URLs and in both alphabets', async () => {
    const body = text({
      image: `data:image/jpeg;base64,${b64(A)}`,
      list: [b64(B), b64(C)],
      rows: [{ x: { i: b64(A) } }, { x: {} }, { x: { i: 7 } }],
    });
    const instances = async (...pointers: string[]) =>
      (await extract('json', body, JSON_TYPE, { pointers })).images.map((i) => [i.id, i.instance]);
    // all are judged wherever they are; the pointers say which are elements of a batch
    for (const pointers of [['/image'], ['/list'], ['/nowhere'], ['/list/1']])
      assert.deepEqual(await found('json', body, JSON_TYPE, { pointers }), [A, B, C, A]);
    assert.deepEqual(await found('json', body, JSON_TYPE, { pointers: ['/rows/*/x/i'] }), [A, B, C, A, undefined]);
    assert.deepEqual(await instances('/list'), [
      ['/image', 0],
      ['/list/0', 1],
      ['/list/1', 2],
      ['/rows/0/x/i', 3],
    ]);
    const escaped = `{"i":"${b64(A).replaceAll('/', '\\/')}"}`;
    assert.deepEqual(await found('json', text(escaped), JSON_TYPE, { pointers: ['/i'] }), [A]);
    assert.deepEqual(await found('json', text({ i: A.toString('base64url') }), JSON_TYPE, { pointers: ['/i'] }), [A]);
    assert.deepEqual(await found('json', text({ i: 'no base64!' }), JSON_TYPE, { pointers: ['/i'] }), [undefined]);
  });

  it('both values of a repeated name are judged; a repeated name in the outermost object is unexamined', async () => {
    const body = text(`{"instances":[{"b64":"${b64(A)}"}],"instances":[{"b64":"${b64(B)}"}]}`);
    assert.match(await unexamined('tf-serving', body), /occurs twice/);
    const inside = text(`{"instances":[{"b64":"${b64(A)}","b\\u00364":"${b64(B)}"}]}`);
    assert.deepEqual(await found('tf-serving', inside), [A, B]);
  });

  it('the adapter tf-serving finds b64 objects of rows, alone or named, and of columns', async () => {
    assert.deepEqual(
      await found('tf-serving', text({ instances: [{ b64: b64(A) }, { image: { b64: b64(B) }, key: 'x' }] })),
      [A, B],
    );
    assert.deepEqual(await found('tf-serving', text({ inputs: { image: [{ b64: b64(A) }, { b64: b64(B) }] } })), [
      A,
      B,
    ]);
    assert.deepEqual(await found('tf-serving', text({ instances: [{ b64: '???' }] })), [undefined]);
    assert.deepEqual(await found('tf-serving', text({ instances: [[1, 2.5e-3, -1]] })), []);
    // content that is not JSON is text
    assert.deepEqual(await found('tf-serving', text('{"instances": [')), []);
  });

  it('the adapters kserve-v1 and torchserve also find strings in the usual fields', async () => {
    const body = text({ instances: [{ data: b64(A) }, { image: { b64: b64(B) } }, b64(C)] });
    assert.deepEqual(await found('kserve-v1', body), [A, B, C]);
    assert.deepEqual(await found('torchserve', body), [A, B, C]);
    assert.deepEqual(await found('torchserve', text({ data: b64(A) })), [A]);
    assert.deepEqual(await found('torchserve', A, { 'content-type': 'application/x-www-form-urlencoded' }), [A]);
    const form = multipart([{ name: 'data', data: A }]);
    assert.deepEqual(await found('torchserve', form.payload, form.headers), [A]);
  });

  it('the adapter oip-v2 finds images in JSON, nested or flat, and in the binary extension', async () => {
    const input = { name: 'image', datatype: 'BYTES' };
    assert.deepEqual(await found('oip-v2', text({ inputs: [{ ...input, shape: [2], data: [b64(A), b64(B)] }] })), [
      A,
      B,
    ]);
    assert.deepEqual(
      await found('oip-v2', text({ inputs: [{ ...input, shape: [2, 1], data: [[b64(A)], [b64(B)]] }] })),
      [A, B],
    );
    const data = binaryBytes(A, B);
    const size = { ...input, shape: [2], parameters: { binary_data_size: data.length } };
    const other = { name: 'x', datatype: 'FP32', shape: [1], parameters: { binary_data_size: 4 } };
    const json = text({ inputs: [other, size] });
    const headers = { ...JSON_TYPE, 'inference-header-content-length': String(json.length) };
    const body = Buffer.concat([json, Buffer.alloc(4), data]);
    assert.deepEqual(await found('oip-v2', body, headers), [A, B]);
    for (const wrong of [body.subarray(0, -1), Buffer.concat([body, Buffer.from('x')])])
      assert.match(await unexamined('oip-v2', wrong, headers), /binary section/);
    for (const length of ['-1', 'x', '999999'])
      assert.match(
        await unexamined('oip-v2', body, { ...headers, 'inference-header-content-length': length }),
        /wrong value/,
      );
    // of two text-like inputs the one that is an image
    const prompt = { name: 'prompt', datatype: 'BYTES', shape: [1], data: ['aGVsbG8='] };
    const both = text({ inputs: [prompt, { ...input, shape: [1], data: [b64(A)] }] });
    assert.deepEqual(await found('oip-v2', both), [A]);
    assert.deepEqual(await found('oip-v2', both, JSON_TYPE, { fields: ['prompt'] }), [undefined, A]);
  });

  it('the adapter triton-raw finds the image of a raw binary request', async () => {
    const headers = { 'content-type': 'application/octet-stream', 'inference-header-content-length': '0' };
    for (const adapter of ['triton-raw', 'oip-v2', 'auto'] as const)
      assert.deepEqual(await found(adapter, A, headers), [A]);
  });

  it('the adapter auto recognises the protocol by itself', async () => {
    const form = multipart([{ data: A }]);
    assert.deepEqual(await found('auto', form.payload, form.headers), [A]);
    assert.deepEqual(await found('auto', A, { 'content-type': 'image/webp' }), [A]);
    assert.deepEqual(await found('auto', A, {}), [A]);
    assert.deepEqual(await found('auto', text({ instances: [{ b64: b64(A) }] })), [A]);
    assert.deepEqual(
      await found('auto', text({ deep: [{ image: `data:image/png;base64,${b64(A)}` }], note: 'data' }), {}),
      [A],
    );
    assert.deepEqual(
      await found('auto', text({ inputs: [{ name: 'i', datatype: 'BYTES', shape: [1], data: [b64(A)] }] })),
      [A],
    );
    assert.deepEqual(await found('auto', text({ text: 'hello', data: 'aGVsbG8=' })), []);
    assert.deepEqual(
      await found('auto', Buffer.from('a=b'), { 'content-type': 'application/x-www-form-urlencoded' }),
      [],
    );
  });

  it('arbitrary bodies make an adapter fail with a cause, and never otherwise', async () => {
    const types = ['application/json', 'multipart/form-data; boundary=x', 'image/png', 'text/plain', ''];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...ADAPTERS),
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b)),
          fc.json().map(text),
          fc.string().map(text),
        ),
        fc.constantFrom(...types),
        fc.option(fc.constantFrom('0', '5', '200'), { nil: undefined }),
        async (adapter, body, type, length) => {
          const headers = {
            'content-type': type,
            ...(length === undefined ? {} : { 'inference-header-content-length': length }),
          };
          try {
            await extract(adapter, body, headers, { pointers: ['/a/*', '/b'] });
          } catch (error) {
            assert.ok((error as { failure?: string }).failure, String((error as Error).stack));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('removal of instances and insertion of placeholders', () => {
  it('filtered rows leave every other byte unchanged', async () => {
    const body = text(
      `{ "signature_name":"s", "instances" : [ {"b64":"${b64(A)}" , "n":1.0} ,{"b64":"${b64(B)}"},\n {"b64":"${b64(C)}","id":12345678901234567890} ] , "x": 1e0 }`,
    );
    const { filter, instances } = await extract('tf-serving', body, JSON_TYPE, {});
    assert.equal(instances, 3);
    assert.equal(
      String(filter?.request(new Set([1])).body),
      `{ "signature_name":"s", "instances" : [{"b64":"${b64(A)}" , "n":1.0},{"b64":"${b64(C)}","id":12345678901234567890}] , "x": 1e0 }`,
    );
    const answer = filter?.answer(text('{"predictions": [[1.0, 2], [3e0]], "n": 1.0}'), new Set([1]), { error: 'ood' });
    assert.equal(String(answer), '{"predictions": [[1.0, 2],{"error":"ood"},[3e0]], "n": 1.0}');
    for (const wrong of ['{"predictions": [1]}', '{"other": [1, 2]}', 'nonsense'])
      assert.throws(() => filter?.answer(text(wrong), new Set([1]), null));
  });

  it('rows at JSON pointers are filtered', async () => {
    const body = text(`{"items":[{"i":"${b64(A)}"},{"i":"${b64(B)}"}]}`);
    const { filter } = await extract('json', body, JSON_TYPE, { pointers: ['/items/*/i'], answerPointer: '/results' });
    assert.equal(String(filter?.request(new Set([0])).body), `{"items":[{"i":"${b64(B)}"}]}`);
    assert.equal(String(filter?.answer(text('{"results":["b"]}'), new Set([0]), null)), '{"results":[null,"b"]}');
  });

  it('a filter of oip-v2 removes rows from every input and adds them to every output', async () => {
    const body = text({
      inputs: [
        { name: 'image', datatype: 'BYTES', shape: [3, 1], data: [b64(A), b64(B), b64(C)] },
        {
          name: 'size',
          datatype: 'INT64',
          shape: [3, 2],
          data: [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
        },
      ],
    });
    const { filter } = await extract('oip-v2', body, JSON_TYPE, {});
    assert.deepEqual(JSON.parse(String(filter?.request(new Set([0, 2])).body)), {
      inputs: [
        { name: 'image', datatype: 'BYTES', shape: [1, 1], data: [b64(B)] },
        { name: 'size', datatype: 'INT64', shape: [1, 2], data: [[3, 4]] },
      ],
    });
    const outputs = [
      { name: 'p', datatype: 'FP32', shape: [1, 2], data: [0.5, 0.25] },
      { name: 'label', datatype: 'BYTES', shape: [1], data: ['b'] },
      { name: 'nested', datatype: 'FP32', shape: [1, 2], data: [[1, 2]] },
    ];
    assert.deepEqual(JSON.parse(String(filter?.answer(text({ outputs }), new Set([0, 2]), undefined))).outputs, [
      { name: 'p', datatype: 'FP32', shape: [3, 2], data: [0, 0, 0.5, 0.25, 0, 0] },
      { name: 'label', datatype: 'BYTES', shape: [3], data: ['', 'b', ''] },
      {
        name: 'nested',
        datatype: 'FP32',
        shape: [3, 2],
        data: [
          [0, 0],
          [1, 2],
          [0, 0],
        ],
      },
    ]);
    assert.throws(() =>
      filter?.answer(text({ outputs: [{ ...outputs[0], shape: [3, 2] }] }), new Set([0, 2]), undefined),
    );
    const binary = text({ ...JSON.parse(String(body)), parameters: { binary_data_output: true } });
    assert.equal((await extract('oip-v2', binary, JSON_TYPE, {})).filter, undefined);
  });
});

describe('JSON texts', () => {
  it('the JSON scanner walks texts as a parser does', () => {
    const same = (bytes: Buffer, span: { start: number; end: number }, value: unknown): void => {
      const type = typeOf(bytes, span);
      if (type === 'array')
        for (const [i, e] of elementsOf(bytes, span).entries()) same(bytes, e, (value as unknown[])[i]);
      else if (type === 'object') {
        const members = membersOf(bytes, span);
        assert.deepEqual([...members.keys()].sort(), Object.keys(value as object).sort());
        for (const [name, m] of members) same(bytes, m, (value as Record<string, unknown>)[name]);
      } else if (type === 'string') assert.equal(stringOf(bytes, span), value);
      else assert.deepEqual(JSON.parse(bytes.toString('utf8', span.start, span.end)), value);
    };
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const bytes = Buffer.from(JSON.stringify(value, null, space));
        const parsed = JSON.parse(String(bytes)) as unknown;
        same(bytes, rootOf(bytes), parsed);
      }),
    );
  });

  it('the JSON scanner refuses texts that are not JSON', () => {
    for (const wrong of [
      '',
      ' ',
      '{',
      '[1',
      '{"a"}',
      '{"a":}',
      '[1,]',
      '{"a":1,}',
      'tru',
      '"x',
      '"\\"',
      '[1] x',
      '{a:1}',
      `${'['.repeat(200)}${']'.repeat(200)}`,
    ])
      assert.throws(() => rootOf(Buffer.from(wrong)), JsonTextError, wrong);
  });

  it('JSON pointers with escapes are resolved', () => {
    const bytes = Buffer.from('{"a/b":{"~":[{"c":1},{"c":2}]}}');
    const spans = resolvePointer(bytes, rootOf(bytes), '/a~1b/~0/*/c');
    assert.deepEqual(
      spans.map(({ start, end }) => bytes.toString('utf8', start, end)),
      ['1', '2'],
    );
  });
});
