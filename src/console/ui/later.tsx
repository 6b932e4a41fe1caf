import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';

/** A page whose code is fetched when it is first shown, or by `fetch` before. */
export function later(load: () => Promise<ComponentType>): { Page: ComponentType; fetch: () => void } {
  const state = signal<'loading' | 'failed' | { Inner: ComponentType }>('loading');
  let asked = false;
  const fetch = () => {
    if (asked) return;
    asked = true;
    load().then(
      (Inner) => {
        state.value = { Inner };
      },
      () => {
        state.value = 'failed';
      },
    );
  };
  function Page() {
    fetch();
    const now = state.value;
    if (now === 'loading') return <p class="faint">Loading …</p>;
    if (now !== 'failed') return <now.Inner />;
    // browsers remember that a module could not be fetched; and after an update it has another name
    return (
      <p class="notice" role="alert">
        This page could not be fetched from the service.{' '}
        <button type="button" onClick={() => location.reload()}>
          Try again
        </button>
      </p>
    );
  }
  return { Page, fetch };
}
