import type { IncomingHttpHeaders } from 'node:http';
import { pathReadings } from './config/path-readings.ts';
import type { Mode } from './config/schema.ts';
import type { Route } from './config/settings.ts';

/** Path and query of a request target. The host of an absolute target is removed, because it must not select the upstream. */
export function originTarget(url: string): string {
  if (url.startsWith('/') || url === '*') return url;
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(.*)$/i.exec(url);
  const rest = absolute?.[1] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

export interface FoundRoute {
  route: Route;
  /** The named pieces of the path. */
  pieces: Record<string, string>;
  /** The target that means the matched path. */
  target: string;
}

/** Modes in order of strictness. */
const STRICTNESS: readonly Mode[] = ['off', 'shadow', 'annotate', 'enforce'];

/**
 * The first matching route. If a target can be read as several paths with different routes, the strictest route applies,
 * because the gate does not know which of the paths the server will use.
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

/** The tenant; '' if the header that names it is missing, and no tenant has that id. */
export function tenantOf({ tenant }: Route, pieces: Record<string, string>, headers: IncomingHttpHeaders): string {
  if (typeof tenant === 'string') return tenant.replace(/\{(\w+)\}/g, (_, name: string) => pieces[name] ?? '');
  const value = headers[tenant.header];
  return (typeof value === 'string' && value !== '' ? value : tenant.default) ?? '';
}
