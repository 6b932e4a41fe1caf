import type { TenantSummary } from '../api/types.ts';

/** The state of a tenant's build as a coloured word. */
export function StateBadge({ tenant: t }: { tenant: TenantSummary }) {
  const kind = t.state === 'ready' ? 'id' : t.state === 'failed' ? 'problem' : 'ood';
  return (
    <span class={`badge ${kind}`} title={t.failure}>
      {t.state}
    </span>
  );
}
