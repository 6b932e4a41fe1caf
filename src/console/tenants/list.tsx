import { useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type ApiError, asProblem } from '../api/problem.ts';
import { listTenants } from '../api/tenants.ts';
import type { TenantSummary } from '../api/types.ts';
import { count, when } from '../format.ts';
import { isScratch } from '../playground/scratch.ts';
import { linkTo } from '../router.ts';
import { ProblemNotice } from '../ui/notice.tsx';
import { NEW } from './new-tenant.ts';
import { StateBadge } from './state-badge.tsx';

const PAGE = 100;
const LOOK_MS = 2000;

export function TenantList() {
  const prefix = useSignal('');
  const pages = useSignal(1);
  const withScratch = useSignal(false);
  const tenants = useSignal<TenantSummary[] | undefined>(undefined);
  const more = useSignal(false);
  const problem = useSignal<ApiError | undefined>(undefined);
  const shown = useComputed(() => tenants.value?.filter((t) => withScratch.value || !isScratch(t.tenant)));
  const scratch = useComputed(() => tenants.value?.filter((t) => isScratch(t.tenant)).length ?? 0);

  useEffect(() => {
    let over = false;
    let timer: ReturnType<typeof setTimeout>;
    const look = async () => {
      try {
        // only the last page may be shorter than the requested length
        const reply = await listTenants({ prefix: prefix.value, limit: Math.min(1000, pages.value * PAGE) });
        if (over) return;
        tenants.value = reply.tenants;
        more.value = reply.next !== null && pages.value * PAGE < 1000;
        problem.value = undefined;
      } catch (error) {
        problem.value = asProblem(error);
      }
      const worthwhile = problem.value?.passing ?? problem.value === undefined;
      if (!over && worthwhile) timer = setTimeout(look, LOOK_MS);
    };
    timer = setTimeout(look, tenants.peek() === undefined ? 0 : 200);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [prefix.value, pages.value]);

  return (
    <section class="tenants" aria-labelledby="tenants-title">
      <div class="title-row">
        <h2 id="tenants-title">Tenants</h2>
        <a class="button primary" href={linkTo('tenants', NEW)}>
          New tenant
        </a>
      </div>
      <div class="filters">
        <div class="field">
          <label for="prefix">Name begins with</label>
          <input
            id="prefix"
            type="search"
            value={prefix.value}
            onInput={(event) => {
              prefix.value = event.currentTarget.value.trim();
            }}
          />
        </div>
        {scratch.value > 0 && (
          <label class="check">
            <input
              type="checkbox"
              checked={withScratch.value}
              onChange={() => {
                withScratch.value = !withScratch.value;
              }}
            />
            Show {count(scratch.value, 'tenant')} of playgrounds
          </label>
        )}
      </div>
      {problem.value && <ProblemNotice problem={problem.value} />}
      {shown.value && <Table tenants={shown.value} />}
      {more.value && (
        <button
          type="button"
          onClick={() => {
            pages.value++;
          }}
        >
          Show more
        </button>
      )}
    </section>
  );
}

function Table({ tenants }: { tenants: TenantSummary[] }) {
  if (tenants.length === 0) return <p class="faint">There is no such tenant.</p>;
  return (
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
  );
}
