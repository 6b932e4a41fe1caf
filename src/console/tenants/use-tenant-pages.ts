import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type ApiError, asProblem } from '../api/problem.ts';
import { listTenants } from '../api/tenants.ts';
import type { TenantSummary } from '../api/types.ts';

const PAGE = 100;
const LOOK_MS = 2000;

/** The first pages of the tenants whose names begin with a prefix, requested again at an interval. */
export function useTenantPages() {
  const prefix = useSignal('');
  const pages = useSignal(1);
  const tenants = useSignal<TenantSummary[] | undefined>(undefined);
  const more = useSignal(false);
  const problem = useSignal<ApiError | undefined>(undefined);

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
  return { prefix, pages, tenants, more, problem };
}
