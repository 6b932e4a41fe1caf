import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError } from '../../../errors/index.ts';
import type { TenantRegistry } from '../../../tenants/registry.ts';
import { toBuild } from '../../schemas/tenant.ts';

const LOOK_MS = 200;
/** Interval of comments that keep proxies from closing an idle connection, milliseconds. */
const KEEP_ALIVE_MS = 15_000;

/**
 * A build as server-sent events: `progress` after each change, `failed` after a failed attempt, and at the end `ready`,
 * `cancelled`, `removed`, or `closing` when the service shuts down. `data` has the fields of GET of the build.
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
