/** Headers by which a body is read: two of one name are two requests, and servers differ in which they take. */
const DECIDING = new Set([
  'content-type',
  'content-encoding',
  'content-length',
  'content-transfer-encoding',
  'transfer-encoding',
  'inference-header-content-length',
]);

/** A deciding header that occurs twice. @param rawHeaders name, value, name, ... */
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
