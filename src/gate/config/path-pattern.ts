/**
 * `/v1/models/{model}:predict`: {name} takes a piece of one segment, `*` the rest of one, `**` everything. Our own and not
 * path-to-regexp or URLPattern: both decode for themselves, once, and the gate matches every decoding there may be.
 */
export interface PathPattern {
  /** The named pieces of a path, undefined where it does not fit. */
  match(path: string): Record<string, string> | undefined;
}

export function pathPattern(pattern: string, caseSensitive = false): PathPattern {
  const source = pattern.replace(/\{(\w+)\}|\*\*|\*|[^{*]+|\{/g, (piece, name: string | undefined) => {
    if (name !== undefined) return `(?<${name}>[^/]+?)`;
    if (piece === '**') return '.*';
    if (piece === '*') return '[^/]*';
    return piece.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  });
  const expression = new RegExp(`^${source}$`, caseSensitive ? 's' : 'is');
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
