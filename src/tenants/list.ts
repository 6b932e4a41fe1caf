import { nameOf } from './classes.ts';
import { type Tenant, type TenantState, type TenantView, viewOf } from './tenant.ts';

export interface ListFilter {
  /** Ids that begin with this text. */
  prefix?: string | undefined;
  state?: TenantState | undefined;
  /** Tenants with a class of exactly this name. */
  class?: string | undefined;
  source?: 'api' | 'file' | undefined;
}

export interface ListPage extends ListFilter {
  /** The tenants that the client may see; all if undefined. */
  visible?: ((id: string) => boolean) | undefined;
  /** The id to continue after. */
  after?: string | undefined;
  limit: number;
}

/** A page of the matching tenants, in order of id. `next` is the `after` of the next page, null on the last page. */
export function listTenants(
  tenants: ReadonlyMap<string, Tenant>,
  { after, limit, visible = () => true, ...filter }: ListPage,
): { tenants: TenantView[]; next: string | null } {
  const ids = [...tenants.keys()].filter((id) => (after === undefined || id > after) && visible(id)).sort();
  const page: TenantView[] = [];
  for (const id of ids) {
    const tenant = tenants.get(id) as Tenant;
    if (!passes(tenant, filter)) continue;
    if (page.length === limit) return { tenants: page, next: (page.at(-1) as TenantView).record.id };
    page.push(viewOf(tenant));
  }
  return { tenants: page, next: null };
}

function passes(tenant: Tenant, { prefix, state, class: name, source }: ListFilter): boolean {
  const { record } = tenant;
  return (
    (prefix === undefined || record.id.startsWith(prefix)) &&
    (source === undefined || (record.source === undefined) === (source === 'api')) &&
    (state === undefined || viewOf(tenant).state === state) &&
    (name === undefined || record.definition.classes.some((entry) => nameOf(entry) === name))
  );
}
