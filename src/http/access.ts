import type { FastifyRequest } from 'fastify';

/**
 * The permission that a route needs. Every route declares it as `config: { access }`; an app with an undeclared route does not
 * start.
 * - open: no key
 * - docs, metrics: no key if the configuration allows it, otherwise any key, or one with the scope `metrics`
 * - admin: a key with the scope `admin`
 * - a scope on a tenant: `tenant` finds it before validation; null is any tenant, for routes that list what the key may see
 */
export type RouteAccess = 'open' | 'docs' | 'metrics' | 'admin' | TenantAccess;

export interface TenantAccess {
  scope: 'detect' | 'manage' | 'review';
  tenant: (request: FastifyRequest) => string | null;
}

/** For `/v1/tenants/:tenant/...`. */
export const manageTenantInPath: TenantAccess = {
  scope: 'manage',
  tenant: (request) => (request.params as { tenant: string }).tenant,
};

/** For the kept images of `/v1/tenants/:tenant/...`, and their labels. */
export const reviewTenantInPath: TenantAccess = {
  scope: 'review',
  tenant: (request) => (request.params as { tenant: string }).tenant,
};

/** For labels, whose tenant is in the body: the handler checks it. */
export const reviewAnyTenant: TenantAccess = { scope: 'review', tenant: () => null };

/** For lists: the handler leaves out entries that `request.principal` may not see. */
export const manageAnyTenant: TenantAccess = { scope: 'manage', tenant: () => null };

/** For verdicts, `?tenant=`. A repeated parameter is invalid; only a key for all tenants gets the error that explains this. */
export const detectTenantInQuery: TenantAccess = {
  scope: 'detect',
  tenant: (request) => {
    const { tenant = 'demo' } = request.query as { tenant?: string | string[] };
    return typeof tenant === 'string' ? tenant : '*';
  },
};

/** For verdicts by the Open Inference Protocol, whose model in the path is the tenant. */
export const detectTenantInPath: TenantAccess = {
  scope: 'detect',
  tenant: (request) => (request.params as { tenant: string }).tenant,
};

/** For the protocol's lists, and for calls that name the tenant in their message: the handler checks the tenant. */
export const detectAnyTenant: TenantAccess = { scope: 'detect', tenant: () => null };

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess;
  }
}
