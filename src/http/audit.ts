import type { FastifyRequest } from 'fastify';
import type { AuditEntry } from '../access/index.ts';
import type { OnChanged } from '../tenants/changes.ts';
import type { ConditionHeaders } from './schemas/tenant.ts';

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

/** Options of a change of a tenant by this request: its conditions, the time that it waits for features, and its record in the audit log. */
export function changeOptions(
  request: FastifyRequest<{ Headers: ConditionHeaders }>,
  action: string,
  target: string,
): { waitMs: number; ifMatch: string | undefined; ifNoneMatch: string | undefined; onChanged: OnChanged } {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
  const waitMs = request.server.config.buildWaitMs;
  return { waitMs, ifMatch, ifNoneMatch, onChanged: recorded(request as FastifyRequest, action, target) };
}

/** Returns a callback for the registry that records a change of a tenant. */
export function recorded(request: FastifyRequest, action: string, target: string): OnChanged {
  return ({ before, after }) => recordChange(request, { action, target, before, after });
}
