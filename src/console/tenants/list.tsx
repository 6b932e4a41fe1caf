import { type Signal, useComputed, useSignal } from '@preact/signals';
import { count } from '../format.ts';
import { isScratch } from '../playground/scratch.ts';
import { linkTo } from '../router.ts';
import { ProblemNotice } from '../ui/notice.tsx';
import { NEW } from './new-tenant.ts';
import { TenantTable } from './tenant-table.tsx';
import { useTenantPages } from './use-tenant-pages.ts';

/** The page that lists tenants. */
export function TenantList() {
  const { prefix, pages, tenants, more, problem } = useTenantPages();
  const withScratch = useSignal(false);
  const shown = useComputed(() => tenants.value?.filter((t) => withScratch.value || !isScratch(t.tenant)));
  const scratch = useComputed(() => tenants.value?.filter((t) => isScratch(t.tenant)).length ?? 0);
  return (
    <section class="tenants" aria-labelledby="tenants-title">
      <div class="title-row">
        <h2 id="tenants-title">Tenants</h2>
        <a class="button primary" href={linkTo('tenants', NEW)}>
          New tenant
        </a>
      </div>
      <p class="hint">
        A tenant is a list of class names with a name of its own. Each team or application has one, and gets verdicts
        about its classes.
      </p>
      <div class="filters">
        <PrefixField prefix={prefix} />
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
      {shown.value && <TenantTable tenants={shown.value} />}
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

function PrefixField({ prefix }: { prefix: Signal<string> }) {
  return (
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
  );
}
