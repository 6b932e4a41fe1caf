import type { Detection, DetectRequest } from '../engine/index.ts';
import type { Serving } from '../tenants/tenant.ts';

export type { Detection };

/** ctw, atd or atd-rescaled. */
export type ServingMethod = Serving['method'];

/** What the gate needs of the engine: one image, one verdict, or a ServiceError that says why not. */
export interface GateEngine {
  detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection>;
}

/** What the gate needs of the tenants. Throws tenant_not_found, tenant_not_ready. */
export interface GateTenants {
  resolve(id: string): Serving;
}

/** What the gate tells whoever measures it and keeps its log. */
export interface GateObserver {
  /** A request of a configured route was decided. */
  request?(event: {
    tenant: string;
    known: boolean;
    mode: string;
    verdict: string;
    action: string;
    seconds: number;
  }): void;
  /** There was no verdict. */
  failure?(event: { cause: string; policy: string; action: string }): void;
  /** The upstream did not answer as it should. */
  upstream?(event: { reason: string }): void;
  auditDropped?(): void;
  log?(level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>): void;
}
