import { decisionOf } from '../clipn/index.ts';
import type { DriftMonitor } from '../drift/index.ts';
import type { Ask, Detection, DetectRequest, FleetStatus } from '../engine/index.ts';
import { type RuledServing, standingRule } from '../tenants/calibration/rule.ts';
import type { TenantRegistry } from '../tenants/registry.ts';
import { withCalibration } from './calibrated.ts';
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
    const { uncounted, ...asked } = request;
    const serving = tenants.resolve(request.tenant);
    const detection = await engines.engineFor(request.headId).detect(asked, signal);
    if (uncounted) return detection;
    drift.record(request.tenant, {
      ood: decisionOf(withCalibration(detection, serving).detection.decisions, ruleOf(serving)) === 'ood',
      noProbability: detection.noProbability,
      predicted: serving.classes[detection.index] ?? '',
    });
    return detection;
  }
}

/** The rule of the tenant; without the calibration that it asks for, the rule that would decide with a stale one. */
const ruleOf = (serving: RuledServing) =>
  serving.method !== 'calibrated' || serving.calibration ? standingRule(serving) : serving.uncalibratedMethod;
