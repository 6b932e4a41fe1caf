import { Agent, request as httpRequest, type OutgoingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Balancer } from '../../helpers/balancer.ts';

const PATIENCE_MS = 60_000;
const TRIES = 30;
const LONGEST_PAUSE_MS = 3000;

/** One request and its answer. */
export interface Attempt {
  kind: string;
  /** Times of Date.now(). */
  began: number;
  ended: number;
  /** 0: no answer came. */
  status: number;
  code: string;
  /** Address of the replica that the connection led to. */
  replica: string | undefined;
  /** Reason that no answer came. */
  error: string | undefined;
  body: string;
  headers: Record<string, unknown>;
}

export interface Sending {
  kind: string;
  method: string;
  path: string;
  headers?: OutgoingHttpHeaders;
  body?: Uint8Array | string;
}

/** A client of the service that repeats what failed for a passing reason, as clients should: 429, 5xx, and a connection that broke. */
export class User {
  readonly #balancer: Balancer;
  readonly #agent: Agent;
  readonly #note: (attempt: Attempt) => void;

  /** `keeps` one connection for its requests, or makes one for each. */
  constructor(balancer: Balancer, keeps: boolean, note: (attempt: Attempt) => void) {
    this.#balancer = balancer;
    this.#agent = new Agent({ keepAlive: keeps, maxSockets: 1 });
    this.#note = note;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Sends until the answer is final; gives all attempts. */
  async ask(sending: Sending): Promise<Attempt[]> {
    const attempts: Attempt[] = [];
    for (let i = 0; i < TRIES; i++) {
      const attempt = await this.#once(sending);
      attempts.push(attempt);
      this.#note(attempt);
      if (attempt.status !== 0 && attempt.status !== 429 && attempt.status < 500) break;
      const asked = Number(attempt.headers['retry-after']) * 1000;
      await sleep(Math.min(LONGEST_PAUSE_MS, Number.isFinite(asked) ? asked : 100 * 2 ** i));
    }
    return attempts;
  }

  #once({ kind, method, path, headers = {}, body }: Sending): Promise<Attempt> {
    const attempt: Attempt = {
      kind,
      began: Date.now(),
      ended: 0,
      status: 0,
      code: '',
      replica: undefined,
      error: undefined,
      body: '',
      headers: {},
    };
    let port: number | undefined;
    return new Promise((resolve) => {
      const end = (error?: Error) => {
        clearTimeout(timer);
        if (attempt.ended) return;
        attempt.ended = Date.now();
        if (port !== undefined) attempt.replica = this.#balancer.endpointOf(port);
        if (error) {
          attempt.status = 0;
          attempt.error = error.message;
        }
        resolve(attempt);
      };
      const request = httpRequest(`${this.#balancer.url}${path}`, { method, headers, agent: this.#agent }, (reply) => {
        const chunks: Buffer[] = [];
        reply.on('data', (chunk) => chunks.push(chunk));
        reply.on('error', end);
        reply.on('end', () => {
          attempt.status = reply.statusCode ?? 0;
          attempt.headers = reply.headers;
          attempt.body = Buffer.concat(chunks).toString();
          attempt.code = /"code":"([a-z_]+)"/.exec(attempt.body)?.[1] ?? '';
          end();
        });
      });
      const timer = setTimeout(() => request.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS);
      request.on('error', end);
      request.on('socket', (socket: Socket) => {
        const look = () => {
          port = socket.localPort;
        };
        if (socket.connecting) socket.once('connect', look);
        else look();
      });
      request.end(body);
    });
  }
}
