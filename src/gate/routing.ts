import type { IncomingHttpHeaders } from 'node:http';
import { normalPath } from './config/path-pattern.ts';
import type { Route } from './config/settings.ts';

/** Path and query of a request target. An absolute one, as clients of forward proxies send, loses its host: it does not choose the upstream. */
export function originTarget(url: string): string {
  if (url.startsWith('/') || url === '*') return url;
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(.*)$/i.exec(url);
  const rest = absolute?.[1] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** The first route that fits, and the named pieces of its path. */
export function findRoute(
  routes: readonly Route[],
  method: string,
  target: string,
): { route: Route; pieces: Record<string, string> } | undefined {
  let path: string | undefined;
  for (const route of routes) {
    if (!route.methods.has(method)) continue;
    path ??= normalPath(target);
    const pieces = route.path.match(path);
    if (pieces) return { route, pieces };
  }
  return undefined;
}

/** Whose classes; '' where the header that names the tenant is missing, which no tenant is called. */
export function tenantOf({ tenant }: Route, pieces: Record<string, string>, headers: IncomingHttpHeaders): string {
  if (typeof tenant === 'string') return tenant.replace(/\{(\w+)\}/g, (_, name: string) => pieces[name] ?? '');
  const value = headers[tenant.header];
  return (typeof value === 'string' && value !== '' ? value : tenant.default) ?? '';
}
