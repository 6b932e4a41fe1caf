import { setImmediate as nextTurn } from 'node:timers/promises';
import { defined } from '../defined.ts';
import { ServiceError } from '../errors/index.ts';
import type { HeadVersion, TenantHeads, TenantModel } from './heads.ts';
import type { Serving, Tenant } from './tenant.ts';

export interface MoveOptions {
  signal?: AbortSignal;
  onProgress?(ready: number, total: number): void;
  /** Called in the same turn of the event loop in which all tenants switch. */
  onMoved(): void;
}

/**
 * Moves all tenants to another model. Their heads are made with it while the old ones serve; once all are complete, all tenants
 * switch at once. A tenant that changes in the meantime is made again. Returns the heads of the old model, which the caller
 * drops later. When it rejects, nothing has changed.
 */
export async function moveTenants(
  tenants: ReadonlyMap<string, Tenant>,
  heads: TenantHeads,
  model: TenantModel,
  { signal, onProgress, onMoved }: MoveOptions,
): Promise<string[]> {
  /** The new head by the current one. */
  const made = new Map<Serving, Serving>();
  try {
    for (;;) {
      // in a turn of its own, so that a build that has just ended has put its head into service
      await nextTurn();
      signal?.throwIfAborted();
      const serving = [...tenants.values()].filter((t) => t.serving);
      onProgress?.(serving.filter((t) => made.has(t.serving as Serving)).length, serving.length);
      const next = serving.find((t) => !made.has(t.serving as Serving));
      if (!next) break;
      await moveOne(next, heads, model, made, signal);
    }
  } catch (error) {
    await Promise.all([...made.values()].map(({ headId }) => heads.drop(headId)));
    throw error;
  }
  heads.moveTo(model);
  const old: string[] = [];
  for (const tenant of tenants.values()) {
    if (!tenant.serving) continue;
    old.push(tenant.serving.headId);
    const moved = made.get(tenant.serving) as Serving;
    made.delete(tenant.serving);
    tenant.serving = moved;
  }
  onMoved();
  // heads of tenants that were changed or removed after the head was made
  await Promise.all([...made.values()].map(({ headId }) => heads.drop(headId)));
  return old;
}

async function moveOne(
  tenant: Tenant,
  heads: TenantHeads,
  model: TenantModel,
  made: Map<Serving, Serving>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const serving = tenant.serving as Serving;
  const version = servingVersion(tenant);
  if (!version) {
    // the serving version is no longer stored; the build in progress replaces it
    await tenant.build?.done;
    if (tenant.serving === serving && !tenant.build) {
      throw new ServiceError(
        'tenant_not_ready',
        `Tenant "${tenant.record.id}" serves a version that is no longer stored.`,
      );
    }
    return;
  }
  try {
    made.set(serving, await heads.makeWith(model, version, defined({ signal })));
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throw new ServiceError(error.code, `Tenant "${tenant.record.id}": ${error.message}`, {
      ...defined({ internal: error.internal }),
      cause: error,
    });
  }
}

/** The definition of the serving version; undefined if it is no longer stored. */
function servingVersion({ serving, record }: Tenant): HeadVersion | undefined {
  if (serving?.version === record.version) return record;
  if (serving?.version === record.previous?.version) return record.previous && { id: record.id, ...record.previous };
  return undefined;
}
