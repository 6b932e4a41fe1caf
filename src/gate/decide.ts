import type { IncomingMessage } from 'node:http';
import { type AuditSink, auditRecord } from './audit/record.ts';
import type { Decided, Route } from './config/settings.ts';
import type { Inspection } from './inspect.ts';
import { type Conclusion, conclude, inShare, stickyKey } from './policy.ts';
import type { GateObserver, GateTrace } from './seams.ts';

/** A request on one of the gate's routes. */
export interface GatedRequest {
  request: Pick<IncomingMessage, 'method' | 'headers' | 'socket'>;
  route: Route;
  decided: Decided;
  tenant: string;
  requestId: string;
  trace: GateTrace | undefined;
}

/** Receivers of the decision, and times for them. */
export interface Watchers {
  /** Start of the gate's own work, on the clock of performance.now(). */
  began: number;
  observer: GateObserver;
  audit: AuditSink | undefined;
}

/** Decides a request by the policy; counts, logs and audits the decision. */
export function decide(gated: GatedRequest, inspection: Inspection, { began, observer, audit }: Watchers): Conclusion {
  const { decided, route, requestId, request, tenant, trace } = gated;
  const enforced = decided.mode === 'enforce' && inShare(stickyKey(route, inspection, request), decided.percent);
  const conclusion = conclude(inspection, decided, route, enforced);
  const seconds = (performance.now() - began) / 1000;
  const { verdict, action, cause, detail } = conclusion;
  observer.request?.({
    tenant,
    known: inspection.tenantVersion !== undefined,
    mode: decided.mode,
    verdict,
    action,
    seconds,
    trace,
  });
  const line = { request_id: requestId, route: route.name, tenant, mode: decided.mode, verdict, action, ...trace?.ids };
  if (cause) {
    const policy = decided.fail[cause];
    observer.failure?.({ cause, policy, action });
    const level = cause === 'engine_down' || cause === 'no_tenant' ? 'warn' : 'info';
    observer.log?.(level, 'gate: no verdict', { ...line, cause, policy, detail });
  } else observer.log?.('info', 'gate: verdict', { ...line, images: inspection.images.length });
  audit?.write(
    auditRecord({
      requestId,
      route: route.name,
      method: request.method as string,
      mode: decided.mode,
      batch: decided.batch,
      inspection,
      conclusion,
      seconds,
    }),
  );
  return conclusion;
}
