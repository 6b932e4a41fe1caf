import { effect } from '@preact/signals';
import { Fragment } from 'preact';
import { apiKey, askForKey, forgetKey, keyRequest, keyWanted } from './api/key.ts';
import { readiness } from './api/readiness.ts';
import { KeyDialog } from './key-dialog.tsx';
import { NotFound } from './not-found.tsx';
import { Playground } from './playground/page.tsx';
import { linkTo, route } from './router.ts';
import { OWN_IMAGES, REVIEW } from './tenants/new-tenant.ts';
import { announcement, toCopyByHand } from './ui/copy.ts';
import { Dialog } from './ui/dialog.tsx';
import { later } from './ui/later.tsx';

const PAGES = { playground: 'Playground', tenants: 'Tenants', now: 'Now' } as const;
type Page = keyof typeof PAGES;
/** Most parts of the address of a page: a tenant's id follows the first two. */
const MOST_PARTS: Record<Page, number> = { playground: 2, tenants: 3, now: 1 };

/** The page of the current address; undefined if there is none. */
function currentPage(): Page | undefined {
  const [first = '', ...rest] = route.value.filter((part, i, all) => part !== '' || i < all.length - 1);
  const page = first === '' ? 'playground' : first;
  if (!Object.hasOwn(PAGES, page) || rest.length >= MOST_PARTS[page as Page] || rest.includes('')) return undefined;
  if (rest[1] !== undefined && page === 'tenants' && rest[1] !== REVIEW && rest[1] !== OWN_IMAGES) return undefined;
  return page as Page;
}

effect(() => {
  const page = currentPage();
  document.title = `${page === undefined ? 'Unknown address' : PAGES[page]} · clipn-gate`;
});

// the first page does not wait for the code of the others
const tenants = later(async () => (await import('./tenants/page.tsx')).TenantsPage);
const now = later(async () => (await import('./now/page.tsx')).NowPage);

/** Called when the first page is shown. It loads the code of the other pages in advance. */
export function fetchOtherPages(): void {
  tenants.fetch();
  now.fetch();
}

export function Shell() {
  const page = currentPage();
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <header class="top">
        <div class="brand">
          <h1>clipn-gate</h1>
          <Model />
        </div>
        <nav aria-label="Pages">
          {Object.entries(PAGES).map(([id, title]) => (
            <a key={id} href={linkTo(id)} aria-current={page === id ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <div class="aside">
          <KeyStatus />
          <a href="docs/">API</a>
        </div>
      </header>
      <Banner />
      <main id="main" tabIndex={-1}>
        {/* another key reloads everything */}
        <Fragment key={apiKey.value ?? ''}>
          {page === undefined && <NotFound />}
          {page === 'tenants' && <tenants.Page />}
          {page === 'now' && <now.Page />}
          {page === 'playground' && <Playground />}
        </Fragment>
      </main>
      <div class={announcement.value.shown ? 'toast' : 'visually-hidden'} role="status" aria-live="polite">
        {announcement.value.text}
      </div>
      {keyRequest.value && <KeyDialog request={keyRequest.value} />}
      {toCopyByHand.value !== undefined && <CopyByHand text={toCopyByHand.value} />}
    </>
  );
}

function Model() {
  const r = readiness.value;
  if (typeof r !== 'object') return null;
  return (
    <span class="model">
      {r.model.name} {r.model.version} · {r.engine.device} {r.engine.precision}
    </span>
  );
}

function Banner() {
  const r = readiness.value;
  const text =
    r === 'unreachable'
      ? 'The service does not answer. This page continues as soon as it does.'
      : r?.status === 'not_ready'
        ? `The service is not ready: ${r.reasons.join('; ')}.`
        : '';
  return (
    <div role="status" aria-live="polite">
      {text !== '' && <div class="banner">{text}</div>}
    </div>
  );
}

function KeyStatus() {
  const key = apiKey.value;
  if (!keyWanted.value) return null;
  if (key === undefined) {
    return (
      <button type="button" class="link" onClick={() => void askForKey()}>
        API key
      </button>
    );
  }
  return (
    <span class="key">
      <code>{key.split('_').slice(0, 2).join('_').slice(0, 18)}…</code>
      <button type="button" class="link" onClick={forgetKey}>
        Forget key
      </button>
    </span>
  );
}

function CopyByHand({ text }: { text: string }) {
  return (
    <Dialog
      title="Copy this"
      wide
      onClose={() => {
        toCopyByHand.value = undefined;
      }}
    >
      <p class="hint">This browser does not let this page use the clipboard. Copy the text by hand.</p>
      <textarea
        class="mono"
        readOnly
        rows={6}
        value={text}
        aria-label="Text to copy"
        onFocus={(e) => e.currentTarget.select()}
      />
    </Dialog>
  );
}
