import { setImmediate as nextTurn } from 'node:timers/promises';
import { ServiceError } from '../errors/index.ts';
import type { HeadVersion, TenantHeads, TenantModel } from './heads.ts';
import type { Serving, Tenant } from './tenant.ts';

export interface MoveOptions {
  signal?: AbortSignal;
  onProgress?(ready: number, total: number): void;
  /** In the same turn in which all tenants have moved. */
  onMoved(): void;
}

/**
 * Moves all tenants to another model: their heads are made with it while the old ones serve; once all are there, all change at once.
 * A tenant that is changed meanwhile is made again. Heads of the old model are given back, for whoever knows when they are of no more use.
 * When it rejects, nothing has changed.
 */
export async function moveTenants(
  tenants: ReadonlyMap<string, Tenant>,
  heads: TenantHeads,
  model: TenantModel,
  { signal, onProgress, onMoved }: MoveOptions,
): Promise<string[]> {
  /** By what serves now: what will serve in its place. */
  const made = new Map<Serving, Serving>();
  try {
    for (;;) {
      // nothing is half-way in a turn of its own: a build that has just ended has put its head into service
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
  // of tenants that were changed or removed after they had been made
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
    // what serves is older than all that is stored: the build under way replaces it
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
    made.set(serving, await heads.makeWith(model, version, signal ? { signal } : {}));
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throw new ServiceError(error.code, `Tenant "${tenant.record.id}": ${error.message}`, {
      ...(error.internal === undefined ? {} : { internal: error.internal }),
      cause: error,
    });
  }
}

/** The definition that serves now; undefined when it is not stored any more. */
function servingVersion({ serving, record }: Tenant): HeadVersion | undefined {
  if (serving?.version === record.version) return record;
  if (serving?.version === record.previous?.version) return record.previous && { id: record.id, ...record.previous };
  return undefined;
}
