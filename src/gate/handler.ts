import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { annotations, templateValues } from './annotations.ts';
import { decidedFor } from './config/settings.ts';
import { decide, type Subject } from './decide.ts';
import { filtered } from './filtered.ts';
import { bytesOf, forward, type Passage, streamOf } from './forward.ts';
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
import type { GateEngine, GateObserver, GateTenants } from './seams.ts';

export interface HandlerParts {
  engine: GateEngine;
  tenants: GateTenants;
  observer: GateObserver;
}

/** Fields that say how a body was packed, or how the answer should be: not for a batch that is filtered. */
const FILTERED_BODY = new Set(['expect', 'content-length', 'transfer-encoding', 'trailer', 'accept-encoding']);

interface Gated extends Passage, Subject {
  /** The gate has told the client to go on, so that the upstream need not. */
  continued: boolean;
}

/** What happens to one request of the classifier's clients. */
export class Handler {
  readonly #inspector: Inspector;
  readonly #observer: GateObserver;

  constructor({ engine, tenants, observer }: HandlerParts) {
    this.#inspector = new Inspector(engine, tenants);
    this.#observer = observer;
  }

  /** Answers, or destroys the response where nothing more can be said. Never rejects. */
  async handle(runtime: Runtime, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const client = new Departure(response);
    const passage = { runtime, request, response, target: originTarget(request.url as string), client };
    try {
      const found = findRoute(runtime.settings.routes, request.method as string, passage.target);
      if (!found) return await forward(passage, streamOf(request));
      const tenant = tenantOf(found.route, found.pieces, request.headers);
      const decided = decidedFor(found.route, tenant, runtime.settings);
      if (decided.mode === 'off') return await forward(passage, streamOf(request));
      await this.#gate({
        ...passage,
        route: found.route,
        decided,
        tenant,
        requestId: requestIdOf(request),
        continued: false,
      });
    } catch (error) {
      this.#failed(error, request, response);
    }
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
    const began = performance.now();
    if (body.whole && route.parallel) return this.#inParallel(gated, body, began);
    const inspection = body.whole ? await this.#inspect(gated, body.bytes) : unread(gated, body, runtime.pool);
    if (gated.client.gone) return;
    const conclusion = decide(gated, inspection, { began, observer: this.#observer });
    await this.#act(gated, body, inspection, conclusion);
  }

  #inspect({ route, decided, tenant, request, client }: Gated, body: Buffer): Promise<Inspection> {
    return this.#inspector.inspect({ route, decided, tenant, body, headers: request.headers }, client.signal());
  }

  /** Verdict and forwarding at once: the answer waits for the verdict. */
  async #inParallel(gated: Gated, body: ReadBody, began: number): Promise<void> {
    let refused: (() => void) | undefined;
    const allowed = this.#inspect(gated, body.bytes).then((inspection) => {
      if (gated.client.gone) return undefined;
      const conclusion = decide(gated, inspection, { began, observer: this.#observer });
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
      const headers = requestHeaders(request, {
        forwarded: settings.forwarded,
        host: upstream.host,
        without: FILTERED_BODY,
        extra: [...extra, ['Content-Length', String(part.body.length)]],
      });
      const head = { method: request.method as string, target: gated.target, headers };
      const onward: Body = { kind: 'bytes', bytes: part.body, trailers: [] };
      const sending = { ...gated, upstream, head, body: onward, idempotent: route.idempotent };
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

  /** The answer in the upstream's place. */
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

  #failed(error: unknown, request: IncomingMessage, response: ServerResponse): void {
    // nobody is there to be told, and nobody's fault it is
    if (response.destroyed) return;
    if (error instanceof UpstreamError) {
      this.#observer.upstream?.({ reason: error.reason });
      this.#observer.log?.('warn', 'gate: the upstream gave no answer', {
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
          requestId: requestIdOf(request),
        });
      }
      return;
    }
    // the client has left in the middle of its request, or it is a fault of ours
    if (!request.destroyed)
      this.#observer.log?.('error', 'gate: unexpected error', {
        internal: error instanceof Error ? error.stack : String(error),
      });
    response.destroy();
  }
}

/** The body was not read to its end. */
function unread({ tenant }: Gated, { reason }: ReadBody, pool: BufferPool): Inspection {
  return reason === 'overloaded'
    ? unjudged(tenant, 'overloaded', `bodies of other requests leave ${pool.free} bytes of memory`)
    : unjudged(tenant, 'too_large', 'the body is larger than this route reads');
}

/** The caller's id if it is harmless to log and to send back, else one of our own. */
function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}
