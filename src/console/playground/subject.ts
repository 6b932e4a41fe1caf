import { computed, effect, signal } from '@preact/signals';
import { callJson, json, pause } from '../api/client.ts';
import type { ClassEntry, Method, TenantReply, Warning } from '../api/types.ts';
import { parseClasses } from '../class-text.ts';
import { route } from '../router.ts';
import { scratchTenant } from './scratch.ts';

/** The classes to compare with: a tenant's, or typed names. */
export const mode = signal<'tenant' | 'typed'>('tenant');
export const tenantId = signal('demo');
export const typedText = signal('');
/** The rule whose decision the page shows; undefined means the tenant's. Every reply has the decisions of all three. */
export const method = signal<Method | undefined>();

// #/playground/zoo opens the playground with that tenant
effect(() => {
  const [page, id] = route.value;
  if (page !== 'playground' || !id) return;
  mode.value = 'tenant';
  tenantId.value = id;
});

/** Warnings of the service about the typed names, as they are typed. */
export const warnings = signal<Warning[]>([]);

export const typedClasses = computed<ClassEntry[]>(() =>
  parseClasses(typedText.value, { commas: true }).map((p) => p.entry),
);

/** Changes whenever the pictures must be judged again. */
export const subjectKey = computed(() =>
  mode.value === 'tenant' ? `tenant ${tenantId.value}` : JSON.stringify(typedClasses.value),
);

let put: { classes: string; done: Promise<string> } | undefined;

/** Further requests for the same classes need no PUT, until `forgetSubject`. */
export function forgetSubject(): void {
  put = undefined;
}

/**
 * The tenant for requests. For typed names it is the tenant of this browser session.
 * @throws Problem
 */
export function tenantToAsk(): Promise<string> {
  if (mode.peek() === 'tenant') return Promise.resolve(tenantId.peek());
  const classes = typedClasses.peek();
  const key = JSON.stringify(classes);
  if (put?.classes !== key) {
    const done = register(classes);
    put = { classes: key, done };
    done.catch(() => {
      if (put?.done === done) put = undefined;
    });
  }
  return put.done;
}

async function register(classes: ClassEntry[]): Promise<string> {
  const path = `v1/tenants/${scratchTenant()}`;
  let reply = await callJson<TenantReply>(path, { method: 'PUT', ...json({ classes }, { prefer: 'wait=20' }) });
  warnings.value = reply.warnings;
  while (reply.state === 'building') {
    await pause(300);
    reply = await callJson<TenantReply>(path);
  }
  return reply.tenant;
}
