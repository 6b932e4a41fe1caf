import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { annotations, templateValues } from './annotations.ts';
import { auditRecord } from './audit/record.ts';
import { type Decided, decidedFor, type Route } from './config/settings.ts';
import { filtered } from './filtered.ts';
import { type Inspection, Inspector, unjudged } from './inspect.ts';
import { type Conclusion, conclude, inShare, stickyKey } from './policy.ts';
import { type BufferPool, type ReadBody, readBody } from './proxy/body.ts';
import { Departure } from './proxy/departure.ts';
import { type Body, exchange, relay } from './proxy/exchange.ts';
import { requestHeaders } from './proxy/headers.ts';
import { type Upstream, UpstreamError } from './proxy/upstream.ts';
import { problem, respond, statusOf } from './respond.ts';
import { findRoute, originTarget, tenantOf } from './routing.ts';
import type { Runtime } from './runtime.ts';
import type { GateEngine, GateObserver, GateTenants } from './seams.ts';

export interface HandlerParts {
  engine: GateEngine;
  tenants: GateTenants;
  observer: GateObserver;
}

/** Fields that say how a body was packed, or that ask for one: not for a body that the gate has read. */
const READ_BODY = new Set(['expect']);
const FILTERED_BODY = new Set(['expect', 'content-length', 'transfer-encoding', 'trailer', 'accept-encoding']);

interface Passage {
  runtime: Runtime;
  request: IncomingMessage;
  response: ServerResponse;
  target: string;
  client: Departure;
}

interface Gated extends Passage {
  route: Route;
  decided: Decided;
  tenant: string;
  requestId: string;
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
      if (!found) return await this.#forward(passage, streamOf(request));
      const tenant = tenantOf(found.route, found.pieces, request.headers);
      const decided = decidedFor(found.route, tenant, runtime.settings);
      if (decided.mode === 'off') return await this.#forward(passage, streamOf(request));
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

  async #forward(
    { runtime, request, response, target, client }: Passage,
    body: Body,
    {
      upstream = runtime.upstream,
      extra = [],
      answerExtra = [],
      idempotent = false,
      continued = false,
      allowed,
    }: {
      upstream?: Upstream;
      extra?: [string, string][];
      answerExtra?: [string, string][];
      idempotent?: boolean;
      continued?: boolean;
      /** Settles when the answer may go to the client; undefined when it must not. */
      allowed?: Promise<[string, string][] | undefined>;
    } = {},
  ): Promise<void> {
    const headers = requestHeaders(request, {
      forwarded: runtime.settings.forwarded,
      host: upstream.host,
      extra,
      ...(continued ? { without: READ_BODY } : {}),
    });
    withoutBody(body, request, headers);
    const head = { method: request.method as string, target, headers };
    const sent = exchange({ upstream, head, body, response, idempotent, client });
    sent.catch(() => {});
    const fields = allowed ? await allowed : answerExtra;
    if (fields === undefined) {
      sent.then(({ opened }) => opened.request.destroy()).catch(() => {});
      return;
    }
    const answered = await sent;
    if (response.destroyed) answered.opened.request.destroy();
    else relay(answered, response, { extra: fields, idleTimeoutMs: runtime.upstream.settings.idleTimeoutMs });
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
    const conclusion = this.#conclude(gated, inspection, began);
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
      const conclusion = this.#conclude(gated, inspection, began);
      const { action } = conclusion;
      if (action === 'pass') return this.#answerFields(gated, inspection, conclusion);
      refused = () => this.#reply(gated, inspection, conclusion);
      return undefined;
    });
    await this.#forward(gated, bytesOf(gated.request, body), {
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
    if (action === 'filter' && inspection.extraction.filter) {
      const { upstream, settings } = runtime;
      const part = inspection.extraction.filter.request(ood);
      const headers = requestHeaders(request, {
        forwarded: settings.forwarded,
        host: upstream.host,
        without: FILTERED_BODY,
        extra: [...extra, ['Content-Length', String(part.body.length)]],
      });
      const head = { method: request.method as string, target: gated.target, headers };
      const restore = (answer: Buffer) =>
        (inspection.extraction.filter as NonNullable<typeof inspection.extraction.filter>).answer(
          answer,
          ood,
          route.placeholder,
        );
      await filtered(
        {
          ...gated,
          upstream,
          head,
          body: { kind: 'bytes', bytes: part.body, trailers: [] },
          idempotent: route.idempotent,
        },
        restore,
        answerExtra,
      );
      return;
    }
    const onward: Body = body.whole ? bytesOf(request, body) : { kind: 'stream', request, prefix: body.bytes };
    const upstream = action === 'fallback' ? runtime.fallback(route) : runtime.upstream;
    await this.#forward(gated, onward, {
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

  /** Policy, and whoever keeps count. */
  #conclude(gated: Gated, inspection: Inspection, began: number): Conclusion {
    const { decided, route, runtime, requestId, request, tenant } = gated;
    const enforced = decided.mode === 'enforce' && inShare(stickyKey(route, inspection, request), decided.percent);
    const conclusion = conclude(inspection, decided, route, enforced);
    const seconds = (performance.now() - began) / 1000;
    const { verdict, action, cause, detail } = conclusion;
    this.#observer.request?.({
      tenant,
      known: inspection.tenantVersion !== undefined,
      mode: decided.mode,
      verdict,
      action,
      seconds,
    });
    const line = { request_id: requestId, route: route.name, tenant, mode: decided.mode, verdict, action };
    if (cause) {
      const policy = decided.fail[cause];
      this.#observer.failure?.({ cause, policy, action });
      const level = cause === 'engine_down' || cause === 'no_tenant' ? 'warn' : 'info';
      this.#observer.log?.(level, 'gate: no verdict', { ...line, cause, policy, detail });
    } else this.#observer.log?.('info', 'gate: verdict', { ...line, images: inspection.images.length });
    runtime.audit?.write(
      auditRecord({
        requestId,
        route: route.name,
        method: request.method as string,
        mode: decided.mode,
        batch: decided.batch,
        inspection,
        conclusion,
        seconds,
      }),
    );
    return conclusion;
  }

  #failed(error: unknown, request: IncomingMessage, response: ServerResponse): void {
    if (error instanceof UpstreamError) {
      this.#observer.upstream?.({ reason: error.reason });
      this.#observer.log?.('warn', 'gate: the upstream gave no answer', {
        reason: error.reason,
        internal: String(error.cause ?? ''),
      });
      if (response.headersSent || response.destroyed) response.destroy();
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
    // the client has left, or a fault of ours: either way there is nothing to say
    if (!request.destroyed && !response.destroyed)
      this.#observer.log?.('error', 'gate: unexpected error', {
        internal: error instanceof Error ? error.stack : String(error),
      });
    response.destroy();
  }
}

function streamOf(request: IncomingMessage): Body {
  const { headers } = request;
  const none = headers['content-length'] === undefined && headers['transfer-encoding'] === undefined;
  return none ? { kind: 'none' } : { kind: 'stream', request };
}

function bytesOf(request: IncomingMessage, body: ReadBody): Body {
  return { kind: 'bytes', bytes: body.bytes, trailers: request.rawTrailers };
}

/** Node would announce chunks for a POST that has no body. */
function withoutBody(body: Body, { method, headers }: IncomingMessage, fields: string[]): void {
  const framed = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  if (!framed && body.kind !== 'stream' && !/^(?:GET|HEAD|DELETE|OPTIONS|TRACE)$/.test(method as string))
    fields.push('Content-Length', '0');
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
