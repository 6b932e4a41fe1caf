import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { decidedFor, type Route } from './config/settings.ts';
import { answerFailure } from './failure.ts';
import { forward, streamOf } from './forward.ts';
import type { GatedExchange } from './gated.ts';
import { type GatingParts, gate } from './gating.ts';
import { Inspector } from './inspect.ts';
import { Departure } from './proxy/departure.ts';
import { findRoute, originTarget, tenantOf } from './routing.ts';
import type { Runtime } from './runtime.ts';
import type { GateEngine, GateObserver, GateTenants, GateTracing } from './seams.ts';

export interface HandlerParts {
  engine: GateEngine;
  tenants: GateTenants;
  observer: GateObserver;
  tracing?: GateTracing | undefined;
}

/** Finds the route of a request, and gates it or only forwards it. */
export class Handler {
  readonly #gating: GatingParts;
  readonly #tracing: GateTracing | undefined;

  constructor({ engine, tenants, observer, tracing }: HandlerParts) {
    this.#gating = { inspector: new Inspector(engine, tenants), observer };
    this.#tracing = tracing;
  }

  /** Answers the request, or destroys the response where no answer is possible. Never rejects. */
  async handle(runtime: Runtime, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const came = performance.now();
    const client = new Departure(response);
    let gated: GatedExchange | undefined;
    const passage = { runtime, request, response, target: originTarget(request.url as string), client };
    try {
      const found = findRoute(runtime.settings.routes, request.method as string, passage.target);
      if (!found) return await forward(passage, streamOf(request));
      const { route, target } = found;
      const tenant = tenantOf(route, found.pieces, request.headers);
      const decided = decidedFor(route, tenant, runtime.settings);
      if (decided.mode === 'off') return await forward(passage, streamOf(request));
      const requestId = requestIdOf(request);
      const trace = this.#trace(route, requestId, request, response, came);
      gated = { ...passage, target, route, decided, tenant, requestId, trace, continued: false };
      await gate(gated, this.#gating);
    } catch (error) {
      const requestId = gated?.requestId ?? requestIdOf(request);
      answerFailure(error, { request, response, requestId, trace: gated?.trace }, this.#gating.observer);
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
}

/** The caller's request id if it is safe to log and to return, else a new one. */
function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}
