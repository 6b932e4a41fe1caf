import type { FastifyRequest } from 'fastify';
import type { AuditEntry } from '../access/index.ts';
import type { OnChanged } from '../tenants/registry.ts';

/** Notes a change that this request has made; to be called before it is acknowledged. */
export function recordChange(
  request: FastifyRequest,
  change: Pick<AuditEntry, 'action' | 'target' | 'before' | 'after' | 'details'>,
): Promise<void> {
  const { kind, id, name } = request.principal;
  return request.server.access.audit.append({
    at: new Date().toISOString(),
    actor: { kind, id, name },
    request_id: request.id,
    ...change,
  });
}

/** The same for a change of a tenant, as the registry tells of it. */
export function recorded(request: FastifyRequest, action: string, target: string): OnChanged {
  return ({ before, after }) => recordChange(request, { action, target, before, after });
}
