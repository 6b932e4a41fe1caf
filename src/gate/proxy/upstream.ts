import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { UpstreamSettings } from '../config/settings.ts';

export type UpstreamFailure = 'unreachable' | 'connect_timeout' | 'response_timeout' | 'closed' | 'malformed';

/** The upstream gave no answer. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly reason: UpstreamFailure;
  /** Whether no byte of the request can have reached the upstream: repeating it is safe for any method. */
  readonly untouched: boolean;

  constructor(reason: UpstreamFailure, untouched: boolean, cause?: unknown) {
    super(`upstream ${reason.replace('_', ' ')}`, { cause });
    this.reason = reason;
    this.untouched = untouched;
  }
}

export interface RequestHead {
  method: string;
  /** Path and query as the client wrote them. */
  target: string;
  /** Name, value, name, value, ... */
  headers: string[];
}

export interface OpenedRequest {
  request: ClientRequest;
  /** Rejects with UpstreamError. */
  answer: Promise<IncomingMessage>;
}

/** One fixed upstream and its pool of kept-alive connections. The request's own host or address never selects the upstream. */
export class Upstream {
  readonly #settings: UpstreamSettings;
  readonly #agent: Agent;
  readonly #send: typeof httpRequest;
  readonly #prefix: string;
  readonly #address: { host: string; port: number };

  constructor(settings: UpstreamSettings) {
    this.#settings = settings;
    const { url, maxConnections, keepAliveMs } = settings;
    const secure = url.protocol === 'https:';
    this.#send = secure ? httpsRequest : httpRequest;
    // A server closes an idle connection without notice, and a request that is sent at that moment is lost. So the gate closes it
    // first. The agent's timeout ends idle connections only; Node.js shortens it where the server announces less (Keep-Alive: timeout).
    const options = {
      keepAlive: true,
      timeout: keepAliveMs,
      maxSockets: maxConnections,
      maxFreeSockets: maxConnections,
    } as const;
    this.#agent = secure ? new HttpsAgent(options) : new Agent({ ...options, scheduling: 'lifo' });
    this.#address = {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port) || (secure ? 443 : 80),
    };
    this.#prefix = url.pathname.replace(/\/$/, '');
  }

  get settings(): UpstreamSettings {
    return this.#settings;
  }

  get host(): { name: string; replaces: boolean } {
    return { name: this.#settings.url.host, replaces: this.#settings.host === 'upstream' };
  }

  /**
   * Begins a request; the caller writes its body.
   * @param onUpgrade called instead of an answer if the upstream accepts an upgrade
   */
  open(
    { method, target, headers }: RequestHead,
    onUpgrade?: (answer: IncomingMessage, socket: Socket, first: Buffer) => void,
  ): OpenedRequest {
    const { url, connectTimeoutMs, responseTimeoutMs } = this.#settings;
    const request = this.#send({
      agent: this.#agent,
      host: this.#address.host,
      port: this.#address.port,
      method,
      path: this.#prefix + target,
      headers,
      setHost: false,
    });
    let connected = false;
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      let timer = setTimeout(() => fail('connect_timeout'), connectTimeoutMs);
      const fail = (reason: UpstreamFailure, cause?: unknown) => {
        clearTimeout(timer);
        reject(new UpstreamError(reason, !connected, cause));
        request.destroy();
      };
      const onConnected = () => {
        connected = true;
        clearTimeout(timer);
      };
      request.once('socket', (socket) => {
        if (socket.connecting) socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', onConnected);
        else onConnected();
      });
      // the upstream's timeout begins when it has the complete request
      request.once('finish', () => {
        if (!connected) return;
        clearTimeout(timer);
        timer = setTimeout(() => fail('response_timeout'), responseTimeoutMs);
      });
      request.once('response', (message) => {
        clearTimeout(timer);
        resolve(message);
      });
      if (onUpgrade) {
        request.once('upgrade', (...args) => {
          clearTimeout(timer);
          onUpgrade(...args);
        });
      }
      request.once('close', () => clearTimeout(timer));
      request.on('error', (error: NodeJS.ErrnoException) => fail(failureOf(error, connected), error));
    });
    // a caller that abandons the request may ignore its error
    answer.catch(() => {});
    return { request, answer };
  }

  /** Accepts no new requests. Idle connections are closed now, the others after their answer. */
  retire(): void {
    this.#agent.maxFreeSockets = 0;
    for (const sockets of Object.values(this.#agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }
}

function failureOf({ code }: NodeJS.ErrnoException, connected: boolean): UpstreamFailure {
  if (code?.startsWith('HPE_')) return 'malformed';
  return connected ? 'closed' : 'unreachable';
}
