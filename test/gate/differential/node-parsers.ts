import { createRequire } from 'node:module';
import { Readable, Writable } from 'node:stream';
import type { Sample } from './body.ts';

type Handler = (...args: unknown[]) => void;
// the three have no types of their own
const load = createRequire(import.meta.url);
const busboy = load('busboy') as (options: object) => Writable;
const multer = load('multer') as (options?: object) => {
  any(): (request: unknown, response: unknown, next: Handler) => void;
};
const { formidable } = (await import('formidable' as string)) as {
  formidable: (options: object) => { parse(request: unknown): Promise<[Record<string, string[]>]> };
};

function requestOf({ headers, body }: Sample): Readable & { headers: Record<string, string> } {
  const request = Readable.from([body]);
  // Node keeps the first of several such headers
  const fields = Object.fromEntries(headers.map(([n, v]) => [n.toLowerCase(), v]).reverse());
  return Object.assign(request, {
    headers: { ...fields, 'content-length': String(body.length) },
    method: 'POST',
    url: '/',
  });
}

/** Settles at the latest when the event loop has nothing left to do for the stream. */
const within = (work: Promise<unknown>) =>
  Promise.race([work, new Promise((resolve) => setTimeout(resolve, 2000).unref())]).catch(() => {});

/** A text as bytes; none if the server has replaced some of them, because these are lost for it. */
const whole = (value: string): Buffer[] => (value.includes('\ufffd') ? [] : [Buffer.from(value)]);

async function ofBusboy(sample: Sample, found: Buffer[]): Promise<void> {
  const request = requestOf(sample);
  const parser = busboy({ headers: request.headers });
  parser.on('field', (_, value) => found.push(...whole(value as string)));
  parser.on('file', (_, stream) => collect(stream as Readable, found));
  await within(
    new Promise<void>((resolve) => {
      parser.on('close', () => resolve()).on('error', () => resolve());
      request.pipe(parser);
    }),
  );
}

function collect(stream: Readable, found: Buffer[]): void {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const end = () => found.push(Buffer.concat(chunks));
  stream.on('end', end).on('error', end);
}

async function ofMulter(sample: Sample, found: Buffer[]): Promise<void> {
  const request = requestOf(sample) as Readable & {
    files?: { buffer: Buffer }[];
    body?: Record<string, string | string[]>;
  };
  await within(new Promise<void>((resolve) => multer().any()(request, {}, () => resolve())));
  for (const { buffer } of request.files ?? []) found.push(buffer);
  for (const value of Object.values(request.body ?? {}).flat()) found.push(...whole(String(value)));
}

async function ofFormidable(sample: Sample, found: Buffer[]): Promise<void> {
  const fileWriteStreamHandler = () => {
    const chunks: Buffer[] = [];
    return new Writable({
      write(chunk, _, done) {
        chunks.push(chunk);
        done();
      },
      // a file that is still being written is no picture that a server sees
      final(done) {
        found.push(Buffer.concat(chunks));
        done();
      },
    });
  };
  const form = formidable({ fileWriteStreamHandler, allowEmptyFiles: true, minFileSize: 0 });
  await within(
    form.parse(requestOf(sample)).then(([fields]) => {
      for (const value of Object.values(fields).flat()) found.push(...whole(String(value)));
    }),
  );
}

const PARSERS: Record<string, (sample: Sample, found: Buffer[]) => Promise<void>> = {
  busboy: ofBusboy,
  multer: ofMulter,
  formidable: ofFormidable,
};

/** The values that parsers of Node find in a body, each with the parser's name. */
export async function nodeValues(sample: Sample): Promise<[string, Buffer][]> {
  const values: [string, Buffer][] = [];
  if (!sample.headers.some(([, value]) => /multipart|urlencoded|boundary/i.test(value))) return values;
  for (const [name, parse] of Object.entries(PARSERS)) {
    const found: Buffer[] = [];
    try {
      await parse(sample, found);
    } catch {
      // the parser refuses the body
    }
    for (const value of found) values.push([name, value]);
  }
  return values;
}
