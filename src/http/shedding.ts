import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { FastifyServerFactory } from 'fastify';
import { ServiceError, toProblem } from '../errors/index.ts';
import { SlowUploads } from '../slow-uploads.ts';
import type { Flood } from '../telemetry/flood.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { termsOf } from './admission.ts';
import type { EngineForHttp, HttpConfig, Lifecycle } from './decorators.ts';
import { requestId } from './request-id.ts';

export interface SheddingParts {
  engine: EngineForHttp;
  config: HttpConfig;
  metrics: Metrics;
  flood: Flood;
  lifecycle: Lifecycle;
}

const ROUTE = '/v1/detect';

/**
 * In a flood, refuses requests that the engine would refuse, before anything else is done with them. Refusing thousands of
 * requests must not take processor time from accepted ones. The first refusals of every second take the ordinary path (access,
 * validation, log), so that the log shows the flood. Shedding the rest takes a third less of the front's time.
 * @returns whether the request is answered
 */
export function shed(request: IncomingMessage, response: ServerResponse, parts: SheddingParts): boolean {
  const { metrics, flood, lifecycle } = parts;
  if (!flood.rising('overloaded')) return false;
  const began = performance.now();
  const error = refusal(request, parts);
  if (!error) return false;
  const id = requestId(request.headers['x-request-id']);
  const body = JSON.stringify(toProblem(error, id));
  response.writeHead(error.status, {
    'x-request-id': id,
    'retry-after': String(error.retryAfterSeconds),
    ...(lifecycle.draining ? { connection: 'close' } : {}),
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
  flood.admits(error.code);
  metrics.imagesRejected.inc({ reason: error.code });
  metrics.requests.inc({ route: ROUTE, method: 'POST', status: String(error.status) });
  const seconds = (performance.now() - began) / 1000;
  metrics.requestDuration.observe({ labels: { route: ROUTE }, value: seconds, exemplarLabels: {} });
  return true;
}

/** The error with which the engine would refuse this request; undefined if it would accept, or for other routes. */
function refusal(
  { method, url, headers }: IncomingMessage,
  { engine, config }: SheddingParts,
): ServiceError | undefined {
  const [path, query = ''] = (url as string).split('?', 2);
  if (method !== 'POST' || path !== ROUTE) return undefined;
  const tenant = new URLSearchParams(query).get('tenant') ?? 'demo';
  try {
    engine.check({ tenant, ...termsOf({ headers }, { config, images: 1, elapsedMs: 0 }), images: 1 });
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'overloaded') return error;
  }
  return undefined;
}

/** Longest time for the headers of a request, Node's default, and the interval in which late requests are looked for; milliseconds. */
const HEADERS_MS = 60_000;
const CHECK_MS = 500;

/** Fastify's own server, which calls `shed` first. */
export function sheddingServer(parts: SheddingParts): FastifyServerFactory<Server> {
  return (handler, options) => {
    const { http, keepAliveTimeout, requestTimeout, connectionTimeout } = options as Record<string, number> & {
      http?: object;
    };
    // requests without Host reach the application, which answers them like every other fault
    const timeouts = { requestTimeout: requestTimeout as number, connectionsCheckingInterval: CHECK_MS };
    const headersTimeout = Math.min(HEADERS_MS, timeouts.requestTimeout);
    const server = createServer(
      { ...http, ...timeouts, headersTimeout, requireHostHeader: false },
      (request, response) => {
        if (shed(request, response, parts)) return;
        slowUploads.watch(request);
        handler(request, response);
      },
    );
    const { uploadMinRate, uploadGraceMs } = parts.config;
    const slowUploads = new SlowUploads(server, { bytesPerSecond: uploadMinRate, graceMs: uploadGraceMs });
    // the values that Fastify sets on a server that it makes itself
    server.keepAliveTimeout = keepAliveTimeout as number;
    server.setTimeout(connectionTimeout);
    return server;
  };
}
