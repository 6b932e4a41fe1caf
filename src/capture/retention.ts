import type { CaptureRules } from '../tenants/capture-rules.ts';
import type { Capture } from './capture.ts';
import type { CaptureRecord } from './capture-record.ts';
import { DAY_MS } from './days.ts';
import type { KeptImages } from './kept-images.ts';

export interface RetentionParts {
  remove: Capture['remove'];
  /** Removes everything of a tenant. */
  forget(tenant: string): Promise<number>;
  kept: KeptImages;
  rulesOf(tenant: string): Required<CaptureRules> | undefined;
  /** Whether the tenant was removed; false where that is not known for sure. */
  isRemoved(tenant: string): Promise<boolean>;
}

/** Whether the retention of an image has ended. */
export function isExpired(record: CaptureRecord, rules: Required<CaptureRules> | undefined, now: number): boolean {
  const allowed = rules ? Date.parse(record.captured_at) + rules.retention_days * DAY_MS : Number.POSITIVE_INFINITY;
  return now >= Math.min(allowed, Date.parse(record.expires_at));
}

/**
 * Removes images whose retention has ended, everything of tenants that were removed, and files that a crash has left.
 * @returns the number of removed images
 */
export async function sweep(
  { remove, forget, kept, rulesOf, isRemoved }: RetentionParts,
  now: number,
): Promise<number> {
  let removed = 0;
  for (const tenant of await kept.tenants()) {
    if (await isRemoved(tenant)) {
      removed += await forget(tenant);
      continue;
    }
    const rules = rulesOf(tenant);
    const expired = [...(await kept.all(tenant)).values()].filter((record) => isExpired(record, rules, now));
    if (expired.length === 0) continue;
    removed += await remove(
      tenant,
      expired.map(({ key }) => key),
    );
  }
  return removed + (await kept.removeOrphans(now));
}
