import type { LimitedTenant } from '../access/index.ts';
import type { TenantView } from '../tenants/tenant.ts';

/** A tenant with the limits of its newest definition: those hold at once, its features may take a while. */
export function limitedTenant({ record }: TenantView): LimitedTenant {
  const { images_per_second: imagesPerSecond, concurrent_images: concurrentImages } = record.definition.limits ?? {};
  return { id: record.id, imagesPerSecond, concurrentImages };
}
