import { defined } from '../../defined.ts';
import type { BatchRule, FailCause, Mode } from '../config/schema.ts';
import type { Inspection } from '../inspect.ts';
import type { Conclusion } from '../policy.ts';
import type { Detection, ServingMethod } from '../seams.ts';

/** One image in the audit trail: its hash and its verdict, no pixels. */
export interface AuditImage {
  id: string;
  instance: number;
  sha256: string | null;
  decision?: 'id' | 'ood';
  class?: string;
  decisions?: Detection['decisions'];
  scores?: Detection['scores'];
  no_probability?: number;
  ood_probability?: number;
  /** Of a tenant with a calibration. */
  p_value?: number;
  band?: 'in' | 'uncertain' | 'out';
  failure?: FailCause;
}

/** One line of the audit trail: a request, its verdict, and the action. */
export interface AuditRecord {
  time: string;
  request_id: string;
  route: string;
  http_method: string;
  tenant: string;
  tenant_version: number | null;
  bundle: string;
  method: ServingMethod | null;
  mode: Mode;
  enforced: boolean;
  batch: BatchRule;
  instances: number;
  /** Whether instances could have been removed from this request. */
  filterable: boolean;
  images: AuditImage[];
  verdict: string;
  action: string;
  failure?: FailCause;
  /** The place that was neither judged nor known to be no image, and its content. */
  unexamined?: string;
  latency_ms: number;
}

export interface AuditSink {
  write(record: Omit<AuditRecord, 'bundle'>): void;
}

export interface AuditedDecision {
  requestId: string;
  route: string;
  method: string;
  mode: Mode;
  batch: BatchRule;
  inspection: Inspection;
  conclusion: Conclusion;
  seconds: number;
}

export function auditRecord(decision: AuditedDecision): Omit<AuditRecord, 'bundle'> {
  const { inspection, conclusion } = decision;
  const { extraction, images, unexamined } = inspection;
  return {
    time: new Date().toISOString(),
    request_id: decision.requestId,
    route: decision.route,
    http_method: decision.method,
    tenant: inspection.tenant,
    tenant_version: inspection.tenantVersion ?? null,
    method: inspection.method ?? null,
    mode: decision.mode,
    enforced: conclusion.enforced,
    batch: decision.batch,
    instances: extraction.instances,
    filterable: extraction.filter !== undefined,
    images: images.map(({ id, instance, sha256, result }) => ({
      id,
      instance,
      sha256: sha256 ?? null,
      ...('cause' in result
        ? { failure: result.cause }
        : {
            decision: result.decision,
            class: result.class,
            decisions: result.detection.decisions,
            scores: result.detection.scores,
            no_probability: result.detection.noProbability,
            ood_probability: result.detection.oodProbability,
            ...(result.calibrated && { p_value: result.calibrated.pValue, band: result.calibrated.band }),
          }),
    })),
    verdict: conclusion.verdict,
    action: conclusion.action,
    ...defined({
      failure: conclusion.cause,
      unexamined: unexamined && `${unexamined.place}: ${unexamined.why}`.slice(0, 200),
    }),
    latency_ms: Math.round(decision.seconds * 1e6) / 1000,
  };
}
