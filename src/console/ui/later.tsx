import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';

/** A page whose code is loaded when it is first shown, or earlier by `fetch`. */
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
    // browsers cache a failed import, and after an update the module has another name
    return (
      <p class="notice" role="alert">
        This page could not be loaded from the service.{' '}
        <button type="button" onClick={() => location.reload()}>
          Try again
        </button>
      </p>
    );
  }
  return { Page, fetch };
}
