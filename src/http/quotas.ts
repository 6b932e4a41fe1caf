import type { CountedTenant } from '../access/index.ts';
import { textsOf } from '../tenants/classes.ts';
import type { TenantDefinition } from '../tenants/definition.ts';
import type { TenantRegistry } from '../tenants/registry.ts';

/** A tenant with its number of classes for quotas; aliases count like classes, because they cost as much. */
export function counted(id: string, { classes }: TenantDefinition): CountedTenant {
  return { id, classes: classes.reduce((sum, entry) => sum + textsOf(entry).length, 0) };
}

export function countedTenants(tenants: TenantRegistry): CountedTenant[] {
  return tenants
    .list({ limit: Number.POSITIVE_INFINITY })
    .tenants.map(({ record }) => counted(record.id, record.definition));
}
