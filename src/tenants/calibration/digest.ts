import { createHash } from 'node:crypto';
import { canonical, type TenantDefinition } from '../definition.ts';
import type { StoredExamples } from '../examples/stored.ts';

/** One text per class list with its templates and examples: everything of a tenant that changes scores, besides the model. */
export function classesDigest(
  { classes, templates, templates_no }: TenantDefinition,
  examples?: StoredExamples,
): string {
  const text = canonical({ classes, ...(templates && { templates }), ...(templates_no && { templates_no }) });
  const hash = createHash('sha256').update(text);
  for (const [name, { model, images }] of Object.entries(examples ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(JSON.stringify([name, model, images.map(({ sha256 }) => sha256)]));
  }
  return hash.digest('hex').slice(0, 32);
}
