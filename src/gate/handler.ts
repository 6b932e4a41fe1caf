import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { annotations, templateValues } from './annotations.ts';
import { decidedFor, type Route } from './config/settings.ts';
import { decide, type Subject, type Told } from './decide.ts';
import { filtered } from './filtered.ts';
import { bytesOf, forward, type Passage, streamOf, TRACE_FIELDS } from './forward.ts';
import { type Inspection, Inspector, unjudged } from './inspect.ts';
import type { Conclusion } from './policy.ts';
import { type BufferPool, type ReadBody, readBody } from './proxy/body.ts';
import { Departure } from './proxy/departure.ts';
import type { Body } from './proxy/exchange.ts';
import { requestHeaders } from './proxy/headers.ts';
import { UpstreamError } from './proxy/upstream.ts';
import { problem, respond, statusOf } from './respond.ts';
import { findRoute, originTarget, tenantOf } from './routing.ts';
import type { Runtime } from './runtime.ts';
import type { GateEngine, GateObserver, GateTenants, GateTrace, GateTracing } from './seams.ts';

export interface HandlerParts {
  engine: GateEngine;
  tenants: GateTenants;
  observer: GateObserver;
  tracing?: GateTracing | undefined;
}

/** Fields about the coding of the body or the answer, which do not apply to a filtered batch. */
const FILTERED_BODY = new Set(['expect', 'content-length', 'transfer-encoding', 'trailer', 'accept-encoding']);

interface Gated extends Passage, Omit<Subject, 'request'> {
  trace: GateTrace | undefined;
  /** The gate has sent 100 Continue, so the upstream's is not forwarded. */
  continued: boolean;
}

/** Handles the requests of the classifier's clients. */
export class Handler {
  readonly #inspector: Inspector;
  readonly #observer: GateObserver;
  readonly #tracing: GateTracing | undefined;

  constructor({ engine, tenants, observer, tracing }: HandlerParts) {
    this.#inspector = new Inspector(engine, tenants);
    this.#observer = observer;
    this.#tracing = tracing;
  }

  /** Answers the request, or destroys the response where no answer is possible. Never rejects. */
  async handle(runtime: Runtime, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const came = performance.now();
    const client = new Departure(response);
    let gated: Gated | undefined;
    const passage = { runtime, request, response, target: originTarget(request.url as string), client };
    try {
      const found = findRoute(runtime.settings.routes, request.method as string, passage.target);
      if (!found) return await forward(passage, streamOf(request));
      const tenant = tenantOf(found.route, found.pieces, request.headers);
      const decided = decidedFor(found.route, tenant, runtime.settings);
      if (decided.mode === 'off') return await forward(passage, streamOf(request));
      const requestId = requestIdOf(request);
      const trace = this.#trace(found.route, requestId, request, response, came);
      gated = {
        ...passage,
        target: found.target,
        route: found.route,
        decided,
        tenant,
        requestId,
        trace,
        continued: false,
      };
      await this.#gate(gated);
    } catch (error) {
      this.#failed(error, request, response, gated);
    }
  }

  /** Starts a trace for a gated request. A request that is only forwarded gets none. */
  #trace({ name }: Route, requestId: string, request: IncomingMessage, response: ServerResponse, came: number) {
    const trace = this.#tracing?.begin(`gate ${name}`, request.headers, came, {
      'http.request.method': request.method as string,
      'clipn.gate.route': name,
      'clipn.request_id': requestId,
    });
    if (trace) response.once('close', () => trace.end(response.statusCode));
    return trace;
  }

  async #gate(gated: Gated): Promise<void> {
    const { request, response, route, runtime } = gated;
    const announced = Number(request.headers['content-length'] ?? 0);
    if (/^100-continue$/i.test(request.headers.expect ?? '') && announced <= route.maxBodyBytes) {
      response.writeContinue();
      gated.continued = true;
    }
    const body = await readBody(request, route.maxBodyBytes, runtime.pool);
    response.once('close', body.release);
    gated.trace?.lap('receive');
    const began = performance.now();
    if (body.whole && route.parallel) return this.#inParallel(gated, body, began);
    const inspection = body.whole ? await this.#inspect(gated, body.bytes) : unread(gated, body, runtime.pool);
    if (gated.client.gone) return;
    const conclusion = decide(gated, inspection, this.#told(gated, began));
    await this.#act(gated, body, inspection, conclusion);
  }

  #inspect({ route, decided, tenant, request, client, trace }: Gated, body: Buffer): Promise<Inspection> {
    const { headers, rawHeaders, url: target = '' } = request;
    const subject = { route, decided, tenant, body, headers, rawHeaders, target, trace };
    return this.#inspector.inspect(subject, client.signal());
  }

  /** Judges and forwards at the same time; the answer waits for the verdict. */
  async #inParallel(gated: Gated, body: ReadBody, began: number): Promise<void> {
    let refused: (() => void) | undefined;
    const allowed = this.#inspect(gated, body.bytes).then((inspection) => {
      if (gated.client.gone) return undefined;
      const conclusion = decide(gated, inspection, this.#told(gated, began));
      const { action } = conclusion;
      if (action === 'pass') return this.#answerFields(gated, inspection, conclusion);
      refused = () => this.#reply(gated, inspection, conclusion);
      return undefined;
    });
    await forward(gated, bytesOf(gated.request, body), {
      allowed,
      idempotent: gated.route.idempotent,
      continued: gated.continued,
    });
    refused?.();
  }

  async #act(gated: Gated, body: ReadBody, inspection: Inspection, conclusion: Conclusion): Promise<void> {
    const { request, runtime, route } = gated;
    const { action, ood } = conclusion;
    if (action === 'reject' || action === 'refuse') return this.#reply(gated, inspection, conclusion);
    const answerExtra = this.#answerFields(gated, inspection, conclusion);
    const extra = gated.decided.mode === 'shadow' ? [] : annotations(inspection, conclusion, gated.decided.mode);
    const { filter } = inspection.extraction;
    if (action === 'filter' && filter) {
      const { upstream, settings } = runtime;
      const part = filter.request(ood);
      const call = gated.trace?.upstream();
      const headers = requestHeaders(request, {
        forwarded: settings.forwarded,
        host: upstream.host,
        without: call?.headers ? new Set([...FILTERED_BODY, ...TRACE_FIELDS]) : FILTERED_BODY,
        extra: [...extra, ...(call?.headers ?? []), ['Content-Length', String(part.body.length)]],
      });
      const head = { method: request.method as string, target: gated.target, headers };
      const onward: Body = { kind: 'bytes', bytes: part.body, trailers: [] };
      const sending = { ...gated, upstream, head, body: onward, idempotent: route.idempotent, call };
      return filtered(sending, (answer) => filter.answer(answer, ood, route.placeholder), answerExtra);
    }
    const onward: Body = body.whole ? bytesOf(request, body) : { kind: 'stream', request, prefix: body.bytes };
    const upstream = action === 'fallback' ? runtime.fallback(route) : runtime.upstream;
    await forward(gated, onward, {
      upstream,
      extra,
      answerExtra,
      idempotent: route.idempotent,
      continued: gated.continued,
    });
  }

  #told({ runtime }: Gated, began: number): Told {
    return { began, observer: this.#observer, audit: runtime.audit };
  }

  /** Sends the gate's own answer instead of the upstream's. */
  #reply(gated: Gated, inspection: Inspection, conclusion: Conclusion): void {
    const { route, response, requestId, decided } = gated;
    const { action, cause } = conclusion;
    if (response.destroyed) return;
    const template = action === 'reject' ? route.reject : route.failReject;
    const status = statusOf(template, action === 'reject' ? undefined : cause);
    const values = templateValues(inspection, conclusion, { requestId, route: route.name });
    respond(response, template, status, values, annotations(inspection, conclusion, decided.mode));
  }

  #answerFields({ route, decided }: Gated, inspection: Inspection, conclusion: Conclusion): [string, string][] {
    if (decided.mode === 'shadow' && !route.headers) return [];
    return annotations(inspection, conclusion, decided.mode);
  }

  #failed(error: unknown, request: IncomingMessage, response: ServerResponse, gated: Gated | undefined): void {
    // the client has disconnected, so there is no answer to send and no fault to report
    if (response.destroyed) return;
    const requestId = gated?.requestId ?? requestIdOf(request);
    if (error instanceof UpstreamError) {
      this.#observer.upstream?.({ reason: error.reason });
      this.#observer.log?.('warn', 'gate: the upstream gave no answer', {
        request_id: requestId,
        ...gated?.trace?.ids,
        reason: error.reason,
        internal: String(error.cause ?? ''),
      });
      if (response.headersSent) response.destroy();
      else {
        const late = error.reason.endsWith('timeout');
        problem(response, {
          status: late ? 504 : 502,
          code: late ? 'upstream_timeout' : 'upstream_unavailable',
          title: late ? 'The upstream did not answer in time' : 'The upstream can not be reached',
          detail: `The classifier behind the gate gave no answer (${error.reason}).`,
          requestId,
        });
      }
      return;
    }
    // either the client has disconnected, or the error is the gate's own
    if (!request.destroyed)
      this.#observer.log?.('error', 'gate: unexpected error', {
        request_id: requestId,
        ...gated?.trace?.ids,
        internal: error instanceof Error ? error.stack : String(error),
      });
    response.destroy();
  }
}

/** The inspection of a body that was not read to its end. */
function unread({ tenant }: Gated, { reason }: ReadBody, pool: BufferPool): Inspection {
  return reason === 'overloaded'
    ? unjudged(tenant, 'overloaded', `bodies of other requests leave ${pool.free} bytes of memory`)
    : unjudged(tenant, 'too_large', 'the body is larger than the limit of this route');
}

/** The caller's request id if it is safe to log and to return, else a new one. */
function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}
