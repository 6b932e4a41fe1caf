/** `/v1/models/{model}:predict`: {name} takes a piece of one segment, `*` the rest of one, `**` everything. */
export interface PathPattern {
  /** The named pieces of a path, undefined where it does not fit. */
  match(path: string): Record<string, string> | undefined;
}

export function pathPattern(pattern: string): PathPattern {
  const source = pattern.replace(/\{(\w+)\}|\*\*|\*|[^{*]+|\{/g, (piece, name: string | undefined) => {
    if (name !== undefined) return `(?<${name}>[^/]+?)`;
    if (piece === '**') return '.*';
    if (piece === '*') return '[^/]*';
    return piece.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  });
  const expression = new RegExp(`^${source}$`, 's');
  return {
    match(path) {
      const found = expression.exec(path);
      return found ? { ...found.groups } : undefined;
    },
  };
}

/** Names of the pieces that a pattern takes. */
export function pieceNames(pattern: string): string[] {
  return [...pattern.matchAll(/\{(\w+)\}/g)].map((m) => m[1] as string);
}

/**
 * A path as servers understand it: without query, percent-decoded, `//`, `.` and `..` resolved. What is matched is this,
 * so that `/v1/models/x%3Apredict` does not slip by the route of `/v1/models/x:predict`.
 */
export function normalPath(target: string): string {
  const query = target.search(/[?#]/);
  let path = query < 0 ? target : target.slice(0, query);
  if (/^[\w/:-]*$/.test(path) && !path.includes('//')) return path;
  try {
    path = decodeURIComponent(path);
  } catch {
    // not percent-encoding: taken to the letter
  }
  const segments: string[] = [];
  for (const segment of path.split(/[/\\]+/)) {
    if (segment === '..') segments.pop();
    else if (segment !== '.') segments.push(segment);
  }
  return segments[0] === '' ? segments.join('/') || '/' : `/${segments.join('/')}`;
}
