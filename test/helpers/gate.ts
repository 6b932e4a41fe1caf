import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { TestContext } from 'node:test';
import { assess } from '../../src/clipn/index.ts';
import type { Detection, DetectRequest } from '../../src/engine/index.ts';
import { type ErrorCode, ServiceError } from '../../src/errors/index.ts';
import type { AuditSink } from '../../src/gate/audit/record.ts';
import { GateServer, parseGateFile } from '../../src/gate/index.ts';
import type { GateEngine, GateTenants } from '../../src/gate/seams.ts';

type After = Pick<TestContext, 'after'>;

/** Made "images": a JPEG's first bytes, then a word that selects the verdict of the engine below. */
export const image = (word: string, size = 40): Buffer =>
  Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.from(`${word};`.padEnd(size, '\u0001é\n'), 'latin1')]);

/** Cosines with the no features; an unsure image is in for the rules without a threshold, and below that of `sure`. */
const NO: Record<string, [number, number]> = { OOD: [0.4, 0.4], UNSURE: [0.299, 0.299] };

const FAILURES: Record<string, ErrorCode> = {
  DOWN: 'engine_unavailable',
  BUSY: 'overloaded',
  LATE: 'deadline_exceeded',
  BAD: 'image_undecodable',
};

/** Says of an image what the image says of itself. */
export class WordEngine implements GateEngine {
  readonly requests: DetectRequest[] = [];
  aborted = 0;
  /** While set, every image fails. */
  down = false;
  /** Awaited before an answer. */
  gate: Promise<unknown> = Promise.resolve();

  check(): void {}

  async look() {
    return [];
  }

  async detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection> {
    this.requests.push(request);
    signal?.addEventListener('abort', () => this.aborted++, { once: true });
    await this.gate;
    const word = Buffer.from(request.bytes).toString('latin1', 4).split(';')[0] as string;
    if (word === 'HANG')
      await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    const code = this.down ? 'engine_unavailable' : FAILURES[word];
    if (code) throw new ServiceError(code, `made to fail: ${word}`);
    const a = assess([0.3, 0.1], NO[word.split(' ')[0] as string] ?? [0.1, 0.1], 100);
    return {
      index: a.index,
      probability: a.p[a.index] as number,
      noProbability: a.pNo[a.index] as number,
      oodProbability: a.pOod,
      decisions: a.decisions,
      scores: a.scores,
      top: [],
      image: {
        sha256: createHash('sha256').update(request.bytes).digest('hex'),
        width: 8,
        height: 6,
        format: 'jpeg',
        frames: 1,
      },
      timing: { decode: 1, queue: 1, inference: 1 },
      cache: 'miss',
    };
  }
}

export const wordTenants: GateTenants = {
  resolve: (id) => {
    if (id === 'building') throw new ServiceError('tenant_not_ready', 'being built');
    if (!['demo', 'zoo', 'uncalibrated', 'sure'].includes(id))
      throw new ServiceError('tenant_not_found', 'no such tenant');
    return {
      headId: `${id}@3`,
      version: 3,
      classes: ['dog', 'ca"t'],
      method: id === 'uncalibrated' ? 'calibrated' : 'ctw',
      uncalibratedMethod: 'ctw',
      model: { name: 'm', version: '1' },
      pins: { model: 'm', classes: 'c' },
      calibration:
        id === 'sure'
          ? {
              version: 3,
              score: 'ctw',
              sorted: Float64Array.of(0.9, 1),
              threshold: 0.9,
              certain: undefined,
              stale: undefined,
            }
          : undefined,
    };
  },
};

export interface Recorded {
  method: string;
  url: string;
  headers: [string, string][];
  body: Buffer;
  trailers: string[];
  complete: boolean;
}

export const pairsOf = (flat: readonly string[]): [string, string][] =>
  flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] as string] as [string, string]] : []));

export interface RecordingUpstream {
  url: string;
  server: Server;
  requests: Recorded[];
  /** How it answers; an echo of what it is without. */
  answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;
}

/** Keeps every request to the byte. */
export async function recordingUpstream(t: After): Promise<RecordingUpstream> {
  const requests: Recorded[] = [];
  const upstream = { requests } as RecordingUpstream;
  upstream.answer = (_request, response, body) => {
    response.writeHead(200, { 'content-type': 'application/json', 'X-Upstream': 'yes' });
    response.end(JSON.stringify({ received: body.length }));
  };
  upstream.server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    const record = { method: request.method, url: request.url, headers: pairsOf(request.rawHeaders) } as Recorded;
    record.complete = false;
    requests.push(record);
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('error', () => {});
    request.on('end', () => {
      record.body = Buffer.concat(chunks);
      record.trailers = request.rawTrailers;
      record.complete = true;
      upstream.answer(request, response, record.body);
    });
  });
  upstream.url = await listen(t, upstream.server);
  return upstream;
}

export async function listen(t: After, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export interface TestGate {
  url: string;
  port: number;
  gate: GateServer;
  engine: WordEngine;
  audit: Parameters<AuditSink['write']>[0][];
  events: { what: string; [key: string]: unknown }[];
  log: { level: string; message: string; details: Record<string, unknown> }[];
  reload(file: object): void;
}

/** A gate on a free port in front of `upstream`; `file` is the rest of its file. */
export async function startGate(t: After, upstream: string, file: Record<string, unknown>): Promise<TestGate> {
  const settings = (f: Record<string, unknown>) =>
    parseGateFile(
      JSON.stringify({
        routes: [],
        ...f,
        upstream: { url: upstream, ...(f['upstream'] as object) },
        listen: { port: 0, ...(f['listen'] as object) },
      }),
      'test.json',
    );
  const engine = new WordEngine();
  const audit: TestGate['audit'] = [];
  const events: TestGate['events'] = [];
  const log: TestGate['log'] = [];
  const sink: AuditSink = { write: (record) => void audit.push(record) };
  const gate = new GateServer({
    settings: settings(file),
    engine,
    tenants: wordTenants,
    audit: sink,
    observer: {
      request: (event) => void events.push({ what: 'request', ...event }),
      failure: (event) => void events.push({ what: 'failure', ...event }),
      upstream: (event) => void events.push({ what: 'upstream', ...event }),
      log: (level, message, details) => void log.push({ level, message, details }),
    },
  });
  const url = await gate.listen();
  t.after(() => gate.close());
  const reload = (f: object) => gate.reload(settings(f as Record<string, unknown>), sink);
  return { url, port: Number(new URL(url).port), gate, engine, audit, events, log, reload };
}

export interface Answer {
  status: number;
  message: string;
  headers: [string, string][];
  header(name: string): string | undefined;
  body: Buffer;
  trailers: string[];
}

/** A raw request: headers in the given order and spelling, nothing added. */
export async function ask(
  url: string,
  {
    method = 'POST',
    path = '/',
    headers = [],
    body,
  }: { method?: string; path?: string; headers?: [string, string][]; body?: Buffer | string },
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const request = httpRequest({
    host: hostname,
    port,
    method,
    path,
    headers: [['Host', 'classifier.example'], ...headers].flat(),
    setHost: false,
    agent: false,
  });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode as number,
    message: response.statusMessage as string,
    headers: pairsOf(response.rawHeaders),
    header: (name) => {
      const value = response.headers[name];
      return Array.isArray(value) ? value.join() : value;
    },
    body: Buffer.concat(chunks),
    trailers: response.rawTrailers,
  };
}

/** Bytes in, bytes out, until the peer closes or `enough` is there. */
export async function rawExchange(port: number, send: string | Buffer, enough?: RegExp): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  await once(socket, 'connect');
  socket.write(send);
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (enough?.test(text)) resolve();
    });
    socket.on('close', () => resolve()).on('error', () => resolve());
  });
  socket.destroy();
  return text;
}
