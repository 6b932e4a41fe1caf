import type { DriftMonitor } from '../drift/index.ts';
import type { LooksLikeCounts } from '../looks/index.ts';
import type { TenantRegistry } from '../tenants/registry.ts';

interface Counts {
  tenants: Pick<TenantRegistry, 'definitionOf' | 'watchRemovals'>;
  drift: Pick<DriftMonitor, 'tenants' | 'forget' | 'drop'>;
  looks: Pick<LooksLikeCounts, 'forget'>;
  onProblem(error: unknown): void;
}

/**
 * Removes the counts of tenants that are removed by the API, by a file of the watched directory or by another replica, now and from here on, so
 * that a new tenant of the same name starts from zero.
 */
export function forgetRemoved({ tenants, drift, looks, onProblem }: Counts): void {
  // removed while this process did not run
  for (const id of [...drift.tenants()]) if (!tenants.definitionOf(id)) void drift.forget(id).catch(onProblem);
  tenants.watchRemovals((id, how) => {
    looks.forget(id);
    // the baseline and the other replicas' counts belong to the new tenant already
    void (how === 'replaced' ? drift.drop(id) : drift.forget(id)).catch(onProblem);
  });
}
