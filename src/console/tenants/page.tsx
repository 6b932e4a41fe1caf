import { route } from '../router.ts';
import { later } from '../ui/later.tsx';
import { Editor } from './editor.tsx';
import { TenantList } from './list.tsx';
import { NEW, OWN_IMAGES, REVIEW } from './new-tenant.ts';

const learn = later(async () => (await import('../learn/page.tsx')).LearnPage);
const review = later(async () => (await import('../review/page.tsx')).ReviewPage);

export function TenantsPage() {
  const id = route.value[1];
  if (!id) return <TenantList />;
  if (route.value[2] === REVIEW) return <review.Page key={id} />;
  if (route.value[2] === OWN_IMAGES) return <learn.Page key={id} />;
  return <Editor key={id} id={id === NEW ? undefined : id} />;
}
