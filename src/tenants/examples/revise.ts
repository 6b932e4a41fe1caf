import type { ChangeOptions } from '../changes.ts';
import type { PutOutcome, TenantRegistry } from '../registry.ts';
import { type ExamplesChange, withExamples, withoutExamples } from './change.ts';

type Options = { waitMs: number } & ChangeOptions;

/**
 * Sets or adds examples of a class, as a new version of the tenant.
 * @throws ServiceError as `withExamples`, and as `TenantRegistry.put`
 */
export function addExamples(
  tenants: TenantRegistry,
  id: string,
  change: ExamplesChange,
  options: Options,
): Promise<PutOutcome> {
  return tenants.revise(id, options, (old, { model, next }) =>
    next({ ...kept(old), examples: withExamples(old, change, model) }),
  );
}

/** Removes the examples of a class, or one of them; nothing changes where there are none. @throws ServiceError as `TenantRegistry.put` */
export function removeExamples(
  tenants: TenantRegistry,
  id: string,
  { class: name, sha256 }: { class: string; sha256?: string | undefined },
  options: Options,
): Promise<PutOutcome> {
  return tenants.revise(id, options, (old, { next }) => {
    const examples = withoutExamples(old, name, sha256);
    return examples ? next({ ...kept(old), examples }) : old;
  });
}

const kept = ({ definition, source, imported }: Parameters<typeof withExamples>[0]) => ({
  definition,
  source,
  imported,
});
