import type { IncomingHttpHeaders } from 'node:http';
import { pathReadings } from './config/path-readings.ts';
import type { Mode } from './config/schema.ts';
import type { Route } from './config/settings.ts';

/** Path and query of a request target. An absolute one, as clients of forward proxies send, loses its host: it does not choose the upstream. */
export function originTarget(url: string): string {
  if (url.startsWith('/') || url === '*') return url;
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(.*)$/i.exec(url);
  const rest = absolute?.[1] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

export interface FoundRoute {
  route: Route;
  /** The named pieces of its path. */
  pieces: Record<string, string>;
  /** The target that stands for the path that was matched. */
  target: string;
}

/** The stricter, the higher. */
const STRICTNESS: readonly Mode[] = ['off', 'shadow', 'annotate', 'enforce'];

/**
 * The first route that fits. Where a target can be taken for several paths with several routes, the strictest of these: which of the
 * paths the server takes it for is not known.
 */
export function findRoute(routes: readonly Route[], method: string, target: string): FoundRoute | undefined {
  let found: FoundRoute | undefined;
  const own = routes.filter(({ methods }) => methods.has(method));
  if (own.length === 0) return undefined;
  for (const reading of pathReadings(target)) {
    for (const route of own) {
      const pieces = route.path.match(reading.path);
      if (!pieces) continue;
      if (!found || STRICTNESS.indexOf(route.mode) > STRICTNESS.indexOf(found.route.mode))
        found = { route, pieces, target: reading.target };
      break;
    }
  }
  return found;
}

/** Whose classes; '' where the header that names the tenant is missing, which no tenant is called. */
export function tenantOf({ tenant }: Route, pieces: Record<string, string>, headers: IncomingHttpHeaders): string {
  if (typeof tenant === 'string') return tenant.replace(/\{(\w+)\}/g, (_, name: string) => pieces[name] ?? '');
  const value = headers[tenant.header];
  return (typeof value === 'string' && value !== '' ? value : tenant.default) ?? '';
}
