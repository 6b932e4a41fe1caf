import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import { type Need, NOBODY } from '../../access/index.ts';
import { ServiceError } from '../../errors/index.ts';
import type { RouteAccess } from '../access.ts';

/**
 * Checks the key of every request against the access that its route declares, before the body is read. A key without the
 * scope gets the same answer for existing and unknown tenants.
 */
export const accessPlugin = fp(async (app) => {
  const { keyring, limiter } = app.access;
  const routes: RouteOptions[] = [];
  app.decorateRequest('principal');
  app.addHook('onRoute', (route) => {
    routes.push(route);
  });
  app.addHook('onReady', async () => {
    const undeclared = routes
      .filter((r) => r.config?.access === undefined)
      .map((r) => `${[r.method].flat().join()} ${r.url}`);
    if (undeclared.length > 0) throw new Error(`routes without an access declaration: ${undeclared.join('; ')}`);
  });

  app.addHook('onRequest', (request, reply, done) => {
    request.principal = NOBODY;
    try {
      if (!request.is404) admit(request, reply);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  });

  function admit(request: FastifyRequest, reply: FastifyReply): void {
    const access = request.routeOptions.config.access ?? 'admin';
    const { openDocs, openMetrics } = app.config;
    if (access === 'open' || (access === 'docs' && openDocs) || (access === 'metrics' && openMetrics)) return;
    request.principal = authenticate(request, reply);
    const need = needOf(access, request);
    if (need && !request.principal.may(need)) {
      throw new ServiceError(
        'forbidden',
        `This API key does not permit the operation. It needs the scope ${described(need)}.`,
      );
    }
    const leave = limiter.enter(request.principal);
    // `close` covers answers that are never finished because the client has disconnected
    reply.raw.once('finish', leave).once('close', leave);
  }

  function authenticate(request: FastifyRequest, reply: FastifyReply) {
    const key = keyOf(request);
    try {
      return keyring.authenticate(key);
    } catch (error) {
      const invalid = key === undefined ? '' : ', error="invalid_token"';
      reply.header('www-authenticate', `Bearer realm="clipn-gate"${invalid}`);
      throw error;
    }
  }
});

/** x-api-key takes precedence, so that Authorization stays free for the service behind the gate. */
function keyOf({ headers }: FastifyRequest): string | undefined {
  const own = headers['x-api-key'];
  if (own !== undefined) return String(own);
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}

function needOf(access: Exclude<RouteAccess, 'open'>, request: FastifyRequest): Need | undefined {
  if (access === 'docs') return undefined;
  if (access === 'admin' || access === 'metrics') return { scope: access };
  return { scope: access.scope, tenant: access.tenant(request) };
}

function described(need: Need): string {
  if (!('tenant' in need)) return need.scope;
  return need.tenant === null ? `${need.scope}:TENANT` : `${need.scope}:${need.tenant.slice(0, 64)}`;
}
