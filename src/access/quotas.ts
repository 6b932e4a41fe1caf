import { ServiceError } from '../errors/index.ts';
import type { Principal } from './principal.ts';

/** A tenant with the number that quotas count. */
export interface CountedTenant {
  id: string;
  classes: number;
}

/**
 * Limits the tenants and classes of a key, counted over the tenants that its scopes let it manage, whichever key made them.
 * Writes in progress count as done, so that two concurrent writes cannot both use the last place. Replicas see each other's
 * tenants within a second, so the quota may be exceeded for that long.
 */
export class Quotas {
  readonly #pending = new Map<string, Map<string, number>>();

  /**
   * Calls `write` to make or replace `next` if the quotas of the key allow it.
   * @throws ServiceError quota_exceeded. Waiting does not help, so there is no Retry-After.
   */
  async guard<T>(
    principal: Principal,
    next: CountedTenant,
    existing: () => CountedTenant[],
    write: () => Promise<T>,
  ): Promise<T> {
    const { tenants: mostTenants, classes: mostClasses } = principal.limits;
    if (mostTenants === undefined && mostClasses === undefined) return write();
    const pending = this.#pending.get(principal.id) ?? new Map<string, number>();
    const now = new Map(
      existing()
        .filter(({ id }) => principal.may({ scope: 'manage', tenant: id }))
        .map((t) => [t.id, t.classes]),
    );
    const before = now.get(next.id) ?? 0;
    const isNew = !now.has(next.id);
    for (const [id, classes] of pending) now.set(id, Math.max(classes, now.get(id) ?? 0));
    now.set(next.id, next.classes);
    const classes = [...now.values()].reduce((a, b) => a + b, 0);
    // a key that exceeds a lowered quota may still reduce what it has
    if (isNew && mostTenants !== undefined && now.size > mostTenants) {
      throw new ServiceError('quota_exceeded', `This key may manage at most ${mostTenants} tenants.`, {
        extra: { limit: mostTenants, limited: 'tenants' },
      });
    }
    if (next.classes > before && mostClasses !== undefined && classes > mostClasses) {
      throw new ServiceError(
        'quota_exceeded',
        `The tenants that this key manages may have at most ${mostClasses} classes together; this would make it ${classes}.`,
        { extra: { limit: mostClasses, limited: 'classes' } },
      );
    }
    pending.set(next.id, next.classes);
    this.#pending.set(principal.id, pending);
    try {
      return await write();
    } finally {
      pending.delete(next.id);
      if (pending.size === 0) this.#pending.delete(principal.id);
    }
  }
}
