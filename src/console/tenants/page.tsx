import { route } from '../router.ts';
import { Editor } from './editor.tsx';
import { TenantList } from './list.tsx';

/** Stands for the id in the route of a new tenant. No tenant id begins with it. */
export const NEW = '+';

export function TenantsPage() {
  const id = route.value[1];
  if (!id) return <TenantList />;
  return <Editor key={id} id={id === NEW ? undefined : id} />;
}
