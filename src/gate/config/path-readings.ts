/**
 * The paths that servers may read from a request target. Servers differ in how often they decode, and in the meaning of a
 * backslash, a parameter after a semicolon, and an encoded slash. A request is gated if one of these paths has a route.
 */
const MAX_DECODINGS = 3;

/** Decodes a percent-encoded path. Invalid escapes stay unchanged; bytes that are not UTF-8 become U+FFFD. */
function decoded(path: string): string {
  if (!path.includes('%')) return path;
  const bytes = path.replace(/((?:%[0-9a-fA-F]{2})+)/g, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  );
  return bytes;
}

/** The path without repeated slashes, `.` and `..`. */
function resolved(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split(/\/+/)) {
    if (segment === '..') segments.pop();
    else if (segment !== '.') segments.push(segment);
  }
  return segments[0] === '' ? segments.join('/') || '/' : `/${segments.join('/')}`;
}

const withoutParameters = (path: string) => path.replace(/;[^/]*/g, '');
const withSlashes = (path: string) => path.replaceAll('\\', '/');
const withoutNul = (path: string) => path.replace(/\0.*$/s, '');

/** One path, and a request target that means it. */
export interface PathReading {
  path: string;
  target: string;
}

const encoded = (path: string) => path.replace(/[^A-Za-z0-9\-._~!$&'()*+,=:@/]/gu, (c) => encodeURIComponent(c));

/**
 * Every path that servers may read from a target. The first one is that of most servers: decoded once, slashes and dots
 * resolved. Each comes with a target that every server reads as this path.
 */
export function pathReadings(target: string): PathReading[] {
  const query = target.search(/[?#]/);
  const raw = query < 0 ? target : target.slice(0, query);
  const rest = query < 0 ? '' : target.slice(query);
  if (/^(?:\/[\w:-][\w.:-]*)+$/.test(raw)) return [{ path: raw, target }];
  const once = decoded(raw);
  const readings = new Map<string, string>();
  const add = (path: string, written: string) => {
    for (const one of path.length > 1 && path.endsWith('/') ? [path, path.slice(0, -1)] : [path])
      if (!readings.has(one)) readings.set(one, `${written}${rest}`);
  };
  const normal = resolved(withSlashes(once));
  add(normal, encoded(normal));
  add(resolved(raw), resolved(raw));
  let path = raw;
  for (let i = 0; i <= MAX_DECODINGS; i++) {
    for (const one of [path, withSlashes(path), withoutNul(path)])
      for (const form of [one, withoutParameters(one)]) add(resolved(form), encoded(resolved(form)));
    const next = decoded(path);
    if (next === path) break;
    path = next;
  }
  return [...readings].map(([one, written]) => ({ path: one, target: written }));
}
