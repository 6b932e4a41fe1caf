import type { TenantSummary } from '../api/types.ts';
import { when } from '../format.ts';
import { linkTo } from '../router.ts';
import { StateBadge } from './state-badge.tsx';

export function TenantTable({ tenants }: { tenants: TenantSummary[] }) {
  if (tenants.length === 0) return <p class="faint">There is no such tenant.</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be within reach of the keyboard
    <section class="scrolls" aria-labelledby="tenants-title" tabIndex={0}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Tenant</th>
            <th scope="col">State</th>
            <th scope="col" class="numeric">
              Classes
            </th>
            <th scope="col" class="numeric">
              Version
            </th>
            <th scope="col">Changed</th>
          </tr>
        </thead>
        <tbody>
          {tenants.map((t) => (
            <tr key={t.tenant}>
              <th scope="row">
                <a href={linkTo('tenants', t.tenant)}>{t.tenant}</a>
                {t.source && <span class="faint"> from {t.source}</span>}
              </th>
              <td data-label="State">
                <StateBadge tenant={t} />
                {t.state === 'building' && ` ${t.progress.percent} %`}
              </td>
              <td data-label="Classes" class="numeric">
                {t.class_count.toLocaleString('en')}
              </td>
              <td data-label="Version" class="numeric">
                {t.version}
              </td>
              <td data-label="Changed">{when(t.updated_at)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
