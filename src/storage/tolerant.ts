/**
 * The schema without `additionalProperties: false` at any depth, for reading back stored records: a newer program may have added
 * fields, and a program that refused them could not be the step back of an upgrade.
 */
export function tolerant<T extends object>(schema: T): T {
  const copy = structuredClone(schema);
  const open = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    if ((node as { additionalProperties?: unknown }).additionalProperties === false) {
      delete (node as { additionalProperties?: unknown }).additionalProperties;
    }
    for (const child of Object.values(node)) open(child);
  };
  open(copy);
  return copy;
}
