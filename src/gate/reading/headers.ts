/** Headers that determine how a body is read. Servers differ in which of two such headers they use. */
const DECIDING = new Set([
  'content-type',
  'content-encoding',
  'content-length',
  'content-transfer-encoding',
  'transfer-encoding',
  'inference-header-content-length',
]);

/** A determining header that occurs twice. @param rawHeaders name, value, name, ... */
export function repeatedHeader(rawHeaders: readonly string[]): string | undefined {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (!DECIDING.has(name)) continue;
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return undefined;
}
