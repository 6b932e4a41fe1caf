/**
 * The paths that servers may take a request target for. They differ in how often they decode, in what a backslash, a parameter behind
 * a semicolon or an encoded slash is; a request is gated if one of these paths has a route.
 */
const MAX_DECODINGS = 3;

/** Bytes of a percent-encoded path as text; escapes that are none stay as they are, bytes that are no UTF-8 become U+FFFD. */
function decoded(path: string): string {
  if (!path.includes('%')) return path;
  const bytes = path.replace(/((?:%[0-9a-fA-F]{2})+)/g, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  );
  return bytes;
}

/** Without doubled slashes, `.` and `..`. */
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

/** One path, and how it is written in a request target. */
export interface PathReading {
  path: string;
  target: string;
}

const encoded = (path: string) => path.replace(/[^A-Za-z0-9\-._~!$&'()*+,=:@/]/gu, (c) => encodeURIComponent(c));

/**
 * Every path that a target may stand for; first the one that most servers take it for: decoded once, slashes and dots resolved.
 * Each with the target that stands for it and nothing else.
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
