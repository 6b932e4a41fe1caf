import type { LimitedTenant } from '../access/index.ts';
import { ServiceError } from '../errors/index.ts';
import type { TenantRegistry } from '../tenants/registry.ts';
import type { TenantView } from '../tenants/tenant.ts';

/** A tenant with the limits of its newest definition, which apply at once, even while its features are being built. */
export function limitedTenant({ record }: TenantView): LimitedTenant {
  const { images_per_second: imagesPerSecond, concurrent_images: concurrentImages } = record.definition.limits ?? {};
  return { id: record.id, imagesPerSecond, concurrentImages };
}

/** The same by id; an unknown tenant has no limits of its own. */
export function limitedTenantOf(tenants: TenantRegistry, id: string): LimitedTenant {
  try {
    return limitedTenant(tenants.get(id));
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'tenant_not_found') return { id };
    throw error;
  }
}
