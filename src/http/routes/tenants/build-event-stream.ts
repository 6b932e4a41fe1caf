import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError } from '../../../errors/index.ts';
import type { TenantRegistry } from '../../../tenants/registry.ts';
import { toBuild } from '../../schemas/tenant.ts';

const LOOK_MS = 200;
/** A comment now and then, so that proxies do not take a long build for a dead connection. */
const KEEP_ALIVE_MS = 15_000;

/**
 * A build as server-sent events: `progress` whenever something has changed, `failed` when a try has failed, and at the end `ready`,
 * `cancelled`, `removed`, or `closing` when the service shuts down. `data` is what GET of the build shows.
 */
export async function* buildEvents(
  tenants: TenantRegistry,
  id: string,
  closing: () => boolean,
): AsyncGenerator<string> {
  let last = '';
  let lastSent = Date.now();
  yield 'retry: 2000\n\n';
  for (;;) {
    const reply = buildOf(tenants, id);
    const data = JSON.stringify(reply ?? { tenant: id });
    const name = reply === undefined ? 'removed' : reply.state === 'building' ? 'progress' : reply.state;
    const over = name === 'ready' || name === 'cancelled' || name === 'removed';
    if (data !== last) {
      yield `event: ${name}\ndata: ${data}\n\n`;
      last = data;
      lastSent = Date.now();
    }
    if (over) return;
    if (closing()) {
      yield `event: closing\ndata: ${data}\n\n`;
      return;
    }
    if (Date.now() - lastSent > KEEP_ALIVE_MS) {
      yield ': still building\n\n';
      lastSent = Date.now();
    }
    await sleep(LOOK_MS);
  }
}

function buildOf(tenants: TenantRegistry, id: string) {
  try {
    return toBuild(tenants.get(id));
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'tenant_not_found') return undefined;
    throw error;
  }
}
