import { plannedArrayFilter } from './instances.ts';
import { plannedOipFilter } from './oip-v2-filter.ts';
import type { Filter, FilterPlan } from './types.ts';

/** The filter that was made in another thread. @param body the body of the request from whose text it was made */
export function plannedFilter(body: Buffer, plan: FilterPlan): Filter {
  const text = body.subarray(0, plan.length);
  return 'array' in plan ? plannedArrayFilter(text, plan) : plannedOipFilter(text, plan);
}
