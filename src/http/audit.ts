import type { FastifyRequest } from 'fastify';
import type { AuditEntry } from '../access/index.ts';
import type { OnChanged } from '../tenants/changes.ts';

/** Records a change by this request in the audit log. Callers await it before they acknowledge the change. */
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

/** Returns a callback for the registry that records a change of a tenant. */
export function recorded(request: FastifyRequest, action: string, target: string): OnChanged {
  return ({ before, after }) => recordChange(request, { action, target, before, after });
}
