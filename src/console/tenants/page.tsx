import { route } from '../router.ts';
import { Editor } from './editor.tsx';
import { TenantList } from './list.tsx';
import { NEW } from './new-tenant.ts';

export function TenantsPage() {
  const id = route.value[1];
  if (!id) return <TenantList />;
  return <Editor key={id} id={id === NEW ? undefined : id} />;
}
