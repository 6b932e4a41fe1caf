import { signal } from '@preact/signals';
import { addressOf } from './client.ts';
import type { Readiness } from './types.ts';

/** The reply of /readyz; `unreachable` if there is none; undefined before the first reply. */
export const readiness = signal<Readiness | 'unreachable' | undefined>();

const CALM_MS = 5000;
const ANXIOUS_MS = 1500;

async function look(): Promise<void> {
  try {
    const response = await fetch(addressOf('readyz'), { cache: 'no-store', signal: AbortSignal.timeout(4000) });
    readiness.value = (await response.json()) as Readiness;
  } catch {
    readiness.value = 'unreachable';
  }
}

/** Polls while the page is visible. */
export async function watchReadiness(): Promise<never> {
  for (;;) {
    if (document.visibilityState === 'visible') await look();
    const ready = typeof readiness.value === 'object' && readiness.value.status === 'ready';
    await new Promise((resolve) => setTimeout(resolve, ready ? CALM_MS : ANXIOUS_MS));
  }
}
