import { decisionOf } from '../clipn/index.ts';
import type { DriftMonitor } from '../drift/index.ts';
import type { Ask, Detection, DetectRequest, FleetStatus } from '../engine/index.ts';
import type { TenantRegistry } from '../tenants/registry.ts';
import type { DetectionEngine } from './detect-images.ts';

/** An engine that reports its state. */
export interface ServingEngine extends DetectionEngine {
  readonly status: FleetStatus;
}

export interface ObservedEngineParts {
  engine: ServingEngine;
  drift: Pick<DriftMonitor, 'record'>;
  tenants: Pick<TenantRegistry, 'resolve'>;
}

/**
 * Counts every verdict of an engine for drift, on all paths: API, Open Inference Protocol, ext_authz and gate. The tenant's
 * own rule decides which verdicts count as OOD, not the rule that a request selects.
 */
export class ObservedEngine implements ServingEngine {
  readonly #parts: ObservedEngineParts;

  constructor(parts: ObservedEngineParts) {
    this.#parts = parts;
  }

  get status(): FleetStatus {
    return this.#parts.engine.status;
  }

  check(ask: Ask): void {
    this.#parts.engine.check(ask);
  }

  async detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection> {
    const { engine, drift, tenants } = this.#parts;
    const { classes, method } = tenants.resolve(request.tenant);
    const detection = await engine.detect(request, signal);
    drift.record(request.tenant, {
      ood: decisionOf(detection.decisions, method) === 'ood',
      noProbability: detection.noProbability,
      predicted: classes[detection.index] ?? '',
    });
    return detection;
  }
}
