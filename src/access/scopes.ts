import { ServiceError } from '../errors/index.ts';

/**
 * Permissions of a key: `detect:<tenant>` (verdicts), `manage:<tenant>` (see, change and remove the tenant),
 * `review:<tenant>` (see, label and remove its kept images), `metrics`, `admin` (everything). The tenant is an id, a prefix followed by `*`, or `*` for all.
 */
export const SCOPE =
  /^(admin|metrics|(detect|manage|review):([a-z0-9][a-z0-9._-]{0,62}|[a-z0-9][a-z0-9._-]{0,61}\*|\*))$/;

/** The permission that a request needs. A tenant of null means any tenant: lists show the tenants that the key may see. */
export type Need =
  | { scope: 'admin' }
  | { scope: 'metrics' }
  | { scope: 'detect' | 'manage' | 'review'; tenant: string | null };

/** @throws ServiceError invalid_request */
export function checkScopes(scopes: readonly string[]): void {
  const wrong = scopes.find((s) => !SCOPE.test(s));
  if (wrong === undefined && scopes.length > 0) return;
  throw new ServiceError(
    'invalid_request',
    wrong === undefined
      ? 'A key needs at least one scope.'
      : `${JSON.stringify(wrong.slice(0, 100))} is not a scope: admin, metrics, detect:TENANT, manage:TENANT or review:TENANT, where TENANT is an id, team-* or *.`,
  );
}

function covers(pattern: string, tenant: string): boolean {
  return pattern.endsWith('*') ? tenant.startsWith(pattern.slice(0, -1)) : pattern === tenant;
}

export function allows(scopes: readonly string[], need: Need): boolean {
  if (scopes.includes('admin')) return true;
  if (need.scope === 'admin' || need.scope === 'metrics') return scopes.includes(need.scope);
  const patterns = scopes.filter((s) => s.startsWith(`${need.scope}:`)).map((s) => s.slice(need.scope.length + 1));
  return patterns.some((pattern) => need.tenant === null || covers(pattern, need.tenant));
}
