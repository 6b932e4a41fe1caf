import type { IncomingHttpHeaders } from 'node:http';
import type { Detection } from '../engine/index.ts';
import type { DetectionEngine } from '../serving/detect-images.ts';
import type { Serving } from '../tenants/tenant.ts';

export type { Detection };

/** ctw, atd or atd-rescaled. */
export type ServingMethod = Serving['method'];

/** The part of the engine that the gate uses: a verdict for an image, or a ServiceError. */
export type GateEngine = DetectionEngine;

/** The part of the tenants that the gate uses. Throws tenant_not_found, tenant_not_ready. */
export interface GateTenants {
  resolve(id: string): Serving;
}

/** One request's trace; see telemetry. */
export interface GateTrace {
  /** Ids for log lines. */
  readonly ids: { trace_id: string; span_id: string };
  readonly exemplar: { trace_id: string; span_id: string } | undefined;
  lap(name?: string): void;
  around(engine: Pick<GateEngine, 'detect'>): Pick<GateEngine, 'detect'>;
  upstream(): GateUpstreamCall;
  end(status: number): void;
}

/** `headers` replace the client's traceparent and tracestate; undefined if those are forwarded unchanged. */
export interface GateUpstreamCall {
  readonly headers: [string, string][] | undefined;
  end(result: { status: number } | { error: string }): void;
}

export interface GateTracing {
  begin(
    name: string,
    headers: IncomingHttpHeaders,
    start: number,
    attributes?: Record<string, string>,
  ): GateTrace | undefined;
}

/** Receives the gate's events, for metrics and log. */
export interface GateObserver {
  /** A request of a configured route was decided. */
  request?(event: {
    tenant: string;
    known: boolean;
    mode: string;
    verdict: string;
    action: string;
    seconds: number;
    trace?: Pick<GateTrace, 'exemplar'> | undefined;
  }): void;
  /** There was no verdict. */
  failure?(event: { cause: string; policy: string; action: string }): void;
  /** The upstream gave no answer, or an unusable one. */
  upstream?(event: { reason: string }): void;
  log?(level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>): void;
}
