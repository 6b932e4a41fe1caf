/**
 * A path pattern such as `/v1/models/{model}:predict`: {name} matches a piece of one segment, `*` the rest of one, `**`
 * everything. path-to-regexp and URLPattern do not fit: both decode a path once, but the gate matches every possible decoding.
 */
export interface PathPattern {
  /** The named pieces of a matching path; undefined if the path does not match. */
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

/** Names of the pieces of a pattern. */
export function pieceNames(pattern: string): string[] {
  return [...pattern.matchAll(/\{(\w+)\}/g)].map((m) => m[1] as string);
}
