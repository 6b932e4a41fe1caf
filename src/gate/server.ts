import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { listenOn } from '../serving/all-addresses.ts';
import { SlowUploads } from '../slow-uploads.ts';
import type { AuditSink } from './audit/record.ts';
import type { GateSettings } from './config/settings.ts';
import { Handler, type HandlerParts } from './handler.ts';
import { withoutUpgrade } from './proxy/not-upgraded.ts';
import { upgrade } from './proxy/upgrade.ts';
import { UpstreamError } from './proxy/upstream.ts';
import { originTarget } from './routing.ts';
import { Runtime } from './runtime.ts';

export interface GateParts extends HandlerParts {
  settings: GateSettings;
  audit?: AuditSink | undefined;
}

/**
 * The gate's listener for the classifier's traffic. It is a bare node:http server, so that requests without images are
 * forwarded with little work.
 */
export class GateServer {
  readonly #parts: GateParts;
  readonly #server: Server;
  /** Upgraded connections, which Node's server does not close. */
  readonly #upgraded = new Set<Duplex>();
  #runtime: Runtime;

  constructor(parts: GateParts) {
    this.#parts = parts;
    const { listen } = parts.settings;
    this.#runtime = new Runtime(parts.settings, parts.audit);
    const handler = new Handler(parts);
    const options: ServerOptions & { shouldUpgradeCallback: (request: IncomingMessage) => boolean } = {
      headersTimeout: listen.headersTimeoutMs,
      maxHeaderSize: listen.maxHeaderBytes,
      requestTimeout: Math.max(listen.requestTimeoutMs, listen.headersTimeoutMs),
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 60_000,
      noDelay: true,
      // used by Node 24.9 and later; for older versions the listener below decides
      shouldUpgradeCallback: mayUpgrade,
    };
    this.#server = createServer(options);
    if (listen.maxConnections !== undefined) this.#server.maxConnections = listen.maxConnections;
    // for an Expect, the upstream decides whether it wants the body, or the gate where it reads the body itself
    const slowUploads = new SlowUploads(this.#server, listen.uploadRate);
    for (const event of ['request', 'checkContinue', 'checkExpectation']) {
      this.#server.on(event, (request, response) => {
        slowUploads.watch(request);
        void handler.handle(this.#runtime, request, response);
      });
    }
    this.#server.on('upgrade', (request, socket, first) => this.#upgrade(request, socket, first));
    // CONNECT would make the gate an open proxy
    this.#server.on('connect', (_request, socket) => refuse(socket, '405 Method Not Allowed'));
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
      else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') refuse(socket, '408 Request Timeout');
      else if (error.code === 'HPE_HEADER_OVERFLOW') refuse(socket, '431 Request Header Fields Too Large');
      else if (error.code === 'HPE_INVALID_METHOD') refuse(socket, '501 Not Implemented');
      else refuse(socket, '400 Bad Request');
    });
  }

  async listen(): Promise<string> {
    const { host, port } = this.#parts.settings.listen;
    await listenOn(host, async (bare) => {
      const listening = once(this.#server, 'listening');
      this.#server.listen(port, bare);
      await listening;
    });
    const address = this.#server.address() as AddressInfo;
    return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  }

  /** Sets the settings of new requests; the address to listen on stays. */
  reload(settings: GateSettings, audit?: AuditSink): void {
    const old = this.#runtime;
    this.#runtime = new Runtime(settings, audit);
    old.retire();
  }

  get settings(): GateSettings {
    return this.#runtime.settings;
  }

  /** Bytes of bodies in memory. */
  get buffered(): number {
    return this.#runtime.pool.used;
  }

  connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  }

  #upgrade(request: IncomingMessage, socket: Duplex, first: Buffer): void {
    if (!mayUpgrade(request)) {
      socket.unshift(Buffer.concat([withoutUpgrade(request), first]));
      this.#server.emit('connection', socket);
      return;
    }
    const { settings, upstream } = this.#runtime;
    this.#upgraded.add(socket);
    socket.once('close', () => this.#upgraded.delete(socket));
    upgrade(request, socket, first, upstream, {
      target: originTarget(request.url as string),
      forwarded: settings.forwarded,
      onFailure: (error) => {
        const reason = error instanceof UpstreamError ? error.reason : 'closed';
        this.#parts.observer.upstream?.({ reason });
      },
    });
  }

  /** Accepts no new connections. Resolves when requests in progress are answered, or cut off after `hurry`. */
  async close(hurry?: AbortSignal): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const sweep = setInterval(() => {
      if (hurry?.aborted) this.#server.closeAllConnections();
      else this.#server.closeIdleConnections();
    }, 100);
    this.#server.closeIdleConnections();
    for (const socket of this.#upgraded) socket.destroy();
    await closed;
    clearInterval(sweep);
    this.#runtime.retire();
  }
}

/**
 * Accepts only WebSockets, from a request without a body. Every other offer is declined, and the request is read as an ordinary
 * one: over h2c, further requests would pass the gate without being read.
 */
function mayUpgrade({ method, headers }: IncomingMessage): boolean {
  if (headers.upgrade?.trim().toLowerCase() !== 'websocket') return false;
  const body = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return method === 'GET' && !body;
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  setTimeout(() => socket.destroy(), 1000).unref();
}
