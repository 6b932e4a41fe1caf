import { createHash } from 'node:crypto';
import { canonical, type TenantDefinition } from '../definition.ts';

/** One text per class list and its templates: everything of a tenant that changes scores, besides the model. */
export function classesDigest({ classes, templates, templates_no }: TenantDefinition): string {
  const text = canonical({ classes, ...(templates && { templates }), ...(templates_no && { templates_no }) });
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
