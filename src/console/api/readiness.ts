import { signal } from '@preact/signals';
import { addressOf } from './client.ts';
import type { Readiness } from './types.ts';

/** The service as its own /readyz sees it; `unreachable` when it does not answer; undefined before the first answer. */
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

/** Looks again and again while the page is in sight. */
export async function watchReadiness(): Promise<never> {
  for (;;) {
    if (document.visibilityState === 'visible') await look();
    const ready = typeof readiness.value === 'object' && readiness.value.status === 'ready';
    await new Promise((resolve) => setTimeout(resolve, ready ? CALM_MS : ANXIOUS_MS));
  }
}
