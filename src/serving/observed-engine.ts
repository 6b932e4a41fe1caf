import { decisionOf } from '../clipn/index.ts';
import type { DriftMonitor } from '../drift/index.ts';
import type { Ask, Detection, DetectRequest, FleetStatus } from '../engine/index.ts';
import type { TenantRegistry } from '../tenants/registry.ts';
import type { DetectionEngine } from './detect-images.ts';

/** An engine that reports its state. */
export interface ServingEngine extends DetectionEngine {
  readonly status: FleetStatus;
}

/** The engines that serve: `LiveModel`. */
export interface EnginesByHead {
  readonly status: FleetStatus;
  check(ask: Ask): void;
  engineFor(headId: string): Pick<DetectionEngine, 'detect'>;
}

export interface ObservedEngineParts {
  engines: EnginesByHead;
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
    return this.#parts.engines.status;
  }

  check(ask: Ask): void {
    this.#parts.engines.check(ask);
  }

  async detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection> {
    const { engines, drift, tenants } = this.#parts;
    const { classes, method } = tenants.resolve(request.tenant);
    const detection = await engines.engineFor(request.headId).detect(request, signal);
    drift.record(request.tenant, {
      ood: decisionOf(detection.decisions, method) === 'ood',
      noProbability: detection.noProbability,
      predicted: classes[detection.index] ?? '',
    });
    return detection;
  }
}
