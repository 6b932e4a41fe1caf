import { createRequire } from 'node:module';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { PYTHON } from '../../helpers/paths.ts';
import type { Sample } from './body.ts';
import { type Content, documents, photos, texts } from './honest-contents.ts';
import { Peer } from './peers.ts';

type Pairs = [string, string][];
interface Plan {
  client: string;
  fields: Pairs;
  files: Content[];
}
interface Made {
  client: string;
  headers: Pairs;
  body: string;
}

const CLIENTS = ['FormData', 'axios', 'curl', 'Go', 'requests', 'httpx', 'JSON', 'tritonclient', 'body', 'urlencoded'];
const names = fc.constantFrom('make', 'note', 'token', 'user', 'lines', 'created');
const plans: fc.Arbitrary<Plan> = fc.record({
  client: fc.constantFrom(...CLIENTS),
  fields: fc.uniqueArray(fc.tuple(names, texts), { maxLength: 4, selector: ([name]) => name }),
  files: fc.array(fc.oneof({ weight: 3, arbitrary: documents }, { weight: 2, arbitrary: photos }), { maxLength: 2 }),
});
const fileName = ({ kind }: Content, i: number) => `${kind.toLowerCase()}-${i}.bin`;

/** A form as programs write it that build it from strings, with each client's order and spelling of headers. */
function handMade({ fields, files }: Plan, boundary: string, spelling: 'curl' | 'Go'): Made {
  const pieces: Buffer[] = [];
  const add = (head: string, content: Buffer) =>
    pieces.push(Buffer.from(`--${boundary}\r\n${head}\r\n\r\n`), content, Buffer.from('\r\n'));
  for (const [name, value] of fields) add(`Content-Disposition: form-data; name="${name}"`, Buffer.from(value));
  files.forEach((file, i) => {
    const type = spelling === 'Go' ? 'application/octet-stream' : file.type;
    add(
      `Content-Disposition: form-data; name="file${i}"; filename="${fileName(file, i)}"\r\nContent-Type: ${type}`,
      file.bytes,
    );
  });
  pieces.push(Buffer.from(`--${boundary}--\r\n`));
  return {
    client: spelling,
    headers: [['content-type', `multipart/form-data; boundary=${boundary}`]],
    body: Buffer.concat(pieces).toString('base64'),
  };
}

async function formData({ fields, files }: Plan): Promise<Made> {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  for (const [i, file] of files.entries())
    form.append(`file${i}`, new Blob([file.bytes], { type: file.type }), fileName(file, i));
  const response = new Response(form);
  const body = Buffer.from(await response.arrayBuffer()).toString('base64');
  return { client: 'FormData', headers: [['content-type', response.headers.get('content-type') as string]], body };
}

/** The form that axios makes in Node.js. */
async function axiosForm({ fields, files }: Plan): Promise<Made> {
  const { default: axios } = (await import('axios' as string)) as {
    default: { toFormData(object: object): AsyncIterable<Buffer | string> & { getHeaders(): Record<string, string> } };
  };
  const values = Object.fromEntries([...fields, ...files.map((file, i) => [`file${i}`, file.bytes])]);
  const form = axios.toFormData(values);
  const chunks: Buffer[] = [];
  const { PassThrough } = createRequire(import.meta.url)('node:stream');
  const stream = (form as unknown as { pipe(to: unknown): AsyncIterable<Buffer> }).pipe(new PassThrough());
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return {
    client: 'axios',
    headers: Object.entries(form.getHeaders()),
    body: Buffer.concat(chunks).toString('base64'),
  };
}

const single = (client: string, type: string, body: Buffer): Made => ({
  client,
  headers: [['content-type', type]],
  body: body.toString('base64'),
});

async function made(plan: Plan, python: Peer, n: number): Promise<Made> {
  const { client, fields, files } = plan;
  const [first] = files;
  if (client === 'FormData' && fields.length + files.length > 0) return formData(plan);
  if (client === 'axios' && fields.length + files.length > 0) return axiosForm(plan);
  if (client === 'curl') return handMade(plan, `------------------------${String(n * 7919).padStart(16, 'a')}`, 'curl');
  if (client === 'Go') return handMade(plan, String(n * 7919).padStart(60, 'b0c1d2e3f4'), 'Go');
  if (client === 'urlencoded')
    return single(client, 'application/x-www-form-urlencoded', Buffer.from(new URLSearchParams(fields).toString()));
  if (client === 'body' && first) return single(client, first.type, first.bytes);
  const message = {
    client: ['requests', 'httpx', 'JSON', 'tritonclient'].includes(client) ? client : 'requests',
    fields,
    files: files.map((f, i) => [`file${i}`, fileName(f, i), f.type, f.bytes.toString('base64')]),
  };
  // inputs of Triton are pictures, and keys in base64 are in other bodies
  if (['JSON', 'tritonclient'].includes(client)) {
    const pictures = message.files.filter((_, i) => files[i]?.kind === 'photograph');
    return python.ask<Made>({ ...message, files: pictures });
  }
  return python.ask<Made>(message);
}

/** Requests as honest clients send them. */
export async function honestBodies(t: Pick<TestContext, 'after'>, count: number, seed: number): Promise<Sample[]> {
  const python = new Peer(PYTHON as string, ['-u', `${import.meta.dirname}/honest.py`]);
  t.after(() => python.close());
  const samples: Sample[] = [];
  for (const plan of fc.sample(plans, { numRuns: count, seed })) {
    const { client, headers, body } = await made(plan, python, samples.length + 1);
    const how = `${client}: ${plan.fields.length} fields, ${plan.files.map(({ kind }) => kind).join(' and ') || 'no files'}`;
    samples.push({ made: how, path: '/auto', headers, body: Buffer.from(body, 'base64') });
  }
  return samples;
}
