import type { FastifyRequest } from 'fastify';

/**
 * What a route asks of the key. Every route declares it as `config: { access }`; an app with a route that doesn't will not start.
 * - open: no key
 * - docs, metrics: no key where the configuration says so, else any key, or one with the scope `metrics`
 * - admin
 * - a scope on a tenant: `tenant` finds it before anything is validated; null is any tenant, for routes that show what the key may see
 */
export type RouteAccess = 'open' | 'docs' | 'metrics' | 'admin' | TenantAccess;

export interface TenantAccess {
  scope: 'detect' | 'manage';
  tenant: (request: FastifyRequest) => string | null;
}

/** For `/v1/tenants/:tenant/...`. */
export const manageTenantInPath: TenantAccess = {
  scope: 'manage',
  tenant: (request) => (request.params as { tenant: string }).tenant,
};

/** For lists: the handler leaves out what `request.principal` may not see. */
export const manageAnyTenant: TenantAccess = { scope: 'manage', tenant: () => null };

/** For verdicts, `?tenant=`. Named twice is no name: the request is not valid, and is told so only if the key may ask for all. */
export const detectTenantInQuery: TenantAccess = {
  scope: 'detect',
  tenant: (request) => {
    const { tenant = 'demo' } = request.query as { tenant?: string | string[] };
    return typeof tenant === 'string' ? tenant : '*';
  },
};

/** For verdicts by the Open Inference Protocol, where a tenant is the model in the path. */
export const detectTenantInPath: TenantAccess = {
  scope: 'detect',
  tenant: (request) => (request.params as { tenant: string }).tenant,
};

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess;
  }
}
