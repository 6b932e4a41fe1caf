import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  annotations,
  type Conclusion,
  type Decided,
  decide,
  decidedFor,
  type FailCause,
  findRoute,
  type GateSettings,
  type Inspection,
  Inspector,
  originTarget,
  type Route,
  render,
  templateValues,
  tenantOf,
  unjudged,
} from '../../../gate/index.ts';
import { Sparse } from '../../../telemetry/sparse.ts';
import { gateObserver } from '../../gate-observer.ts';
import { limitedTenantOf } from '../../limits.ts';
import { ALONE } from './alone.ts';
import { type BodyFault, bodyFault, methodsOf } from './body-fault.ts';
import type { ClientRequest } from './client-request.ts';

/** Causes that concern the body and not this service: neither a retry nor failure_mode_allow changes them. */
const ABOUT_THE_BODY: ReadonlySet<FailCause> = new Set(['unexamined', 'undecodable', 'no_image']);

type Fields = [string, string][];

/** The answer to a proxy. 200: the request may pass. 403: it may not. 503: there is no verdict. */
export interface Authorisation {
  status: 200 | 403 | 503;
  /** `x-clipn-*` fields for the request that passes, and for the answer to the client. */
  forUpstream: Fields;
  forClient: Fields;
  /** The answer to the client of a refused request. */
  refusal?: { type: string; body: string };
}

const PASS: Authorisation = { status: 200, forUpstream: [], forClient: [] };

export interface FoundClientRoute {
  settings: GateSettings;
  route: Route;
  tenant: string;
}

/** The gate's route for the client's request, and its tenant. A request without one has no tenant and passes. */
export function clientRoute({ gate }: FastifyInstance, client: ClientRequest): FoundClientRoute | undefined {
  const settings = gate?.settings() ?? ALONE;
  const target = originTarget(client.target);
  for (const method of methodsOf(client)) {
    const found = findRoute(settings.routes, method, target);
    if (found) return { settings, route: found.route, tenant: tenantOf(found.route, found.pieces, client.headers) };
  }
  return undefined;
}

/** Decides for proxies that ask for each request of their clients, over HTTP and over gRPC. */
export class Authorizer {
  readonly #app: FastifyInstance;
  readonly #inspector: Inspector;
  readonly #incomplete: Sparse;

  constructor(app: FastifyInstance) {
    this.#app = app;
    this.#inspector = new Inspector(app.engine, app.tenants);
    this.#incomplete = new Sparse((requests) =>
      app.log.warn({ requests }, 'gate: a proxy asks without the bodies of requests, or with a part of them only'),
    );
  }

  /**
   * Judges the client's request by the gate's routes and policies.
   * @param request the question, for its principal, trace and id
   * @param signal aborted when the proxy no longer waits
   * @throws ServiceError rate_limited
   */
  async decide(request: FastifyRequest, client: ClientRequest, signal: AbortSignal): Promise<Authorisation> {
    const found = clientRoute(this.#app, client);
    if (!found) return PASS;
    const { route, tenant, settings } = found;
    const decided = decidedFor(route, tenant, settings);
    if (decided.mode === 'off') return PASS;

    const began = performance.now();
    const { access, tenants, metrics, log, gate } = this.#app;
    const limited = limitedTenantOf(tenants, tenant);
    access.limiter.check(request.principal, limited);
    request.trace?.lap('receive');
    const inspection = await this.#inspect({ route, decided, tenant }, client, request, signal);
    access.limiter.charge(request.principal, limited, inspection.images.length);
    if (signal.aborted) return PASS;
    const { method, headers, address: remoteAddress } = client;
    const asked = { method, headers, socket: { remoteAddress } as FastifyRequest['raw']['socket'] };
    const subject = { request: asked, route, decided, tenant, requestId: request.id, trace: request.trace };
    const observer = gateObserver(metrics, log);
    const conclusion = decide(subject, inspection, { began, observer, audit: gate?.audit() });
    return answerOf(request.id, { route, decided, inspection, conclusion });
  }

  async #inspect(
    subject: { route: Route; decided: Decided; tenant: string },
    client: ClientRequest,
    { trace, id: requestId }: FastifyRequest,
    signal: AbortSignal,
  ): Promise<Inspection> {
    const fault = bodyFault(client);
    if (fault) return this.#unread(subject.tenant, fault);
    const { body, headers, rawHeaders, target } = client;
    if (body.length > subject.route.maxBodyBytes)
      return unjudged(subject.tenant, 'too_large', 'the body is larger than the limit of this route');
    const asked = { ...subject, body, headers, rawHeaders, target, requestId, trace };
    const inspection = await this.#inspector.inspect({ ...asked, interface: 'ext_authz' }, signal);
    // the proxy forwards the client's request, so images cannot be filtered out of it
    const { filter: _, ...extraction } = inspection.extraction;
    return { ...inspection, extraction };
  }

  #unread(tenant: string, { kind, cause, detail }: BodyFault): Inspection {
    this.#app.metrics.gateIncompleteBodies.inc({ kind });
    this.#incomplete.note();
    return unjudged(tenant, cause, detail);
  }
}

interface Decision {
  route: Route;
  decided: Decided;
  inspection: Inspection;
  conclusion: Conclusion;
}

function answerOf(requestId: string, { route, decided, inspection, conclusion }: Decision): Authorisation {
  const { action, cause } = conclusion;
  const fields = annotations(inspection, conclusion, decided.mode);
  const shadow = decided.mode === 'shadow';
  const forUpstream = shadow ? [] : fields;
  const forClient = shadow && !route.headers ? [] : fields;
  if (action === 'pass') return { status: 200, forUpstream, forClient };
  const denied = action !== 'refuse' || (cause !== undefined && ABOUT_THE_BODY.has(cause));
  const status = denied ? 403 : 503;
  const template = action === 'refuse' ? route.failReject : route.reject;
  const values = templateValues(inspection, conclusion, { requestId, route: route.name });
  const body = render(template.body, template.content_type, { ...values, status });
  return { status, forUpstream, forClient, refusal: { type: template.content_type, body } };
}
