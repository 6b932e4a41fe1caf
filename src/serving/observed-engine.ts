import type { Capture } from '../capture/index.ts';
import { decisionOf, type NearWord } from '../clipn/index.ts';
import type { DriftMonitor } from '../drift/index.ts';
import type { Ask, Detection, DetectRequest, FleetStatus, LookRequest } from '../engine/index.ts';
import type { EventPublisher, GivenVerdict } from '../events/index.ts';
import type { LooksLikeCounts } from '../looks/index.ts';
import { type RuledServing, standingRule } from '../tenants/calibration/rule.ts';
import type { TenantRegistry } from '../tenants/registry.ts';
import { withCalibration } from './calibrated.ts';
import type { DetectionEngine } from './detect-images.ts';
import { looksLikeBy } from './looks-like.ts';

/** An engine that reports its state. */
export interface ServingEngine extends DetectionEngine {
  readonly status: FleetStatus;
}

/** The engines that serve: `LiveModel`. */
export interface EnginesByHead {
  readonly status: FleetStatus;
  check(ask: Ask): void;
  engineFor(headId: string): Pick<DetectionEngine, 'detect' | 'look'>;
}

export interface ObservedEngineParts {
  engines: EnginesByHead;
  drift: Pick<DriftMonitor, 'record'>;
  tenants: Pick<TenantRegistry, 'resolve' | 'definitionOf'>;
  capture: Pick<Capture, 'wants' | 'offer'>;
  events: Pick<EventPublisher, 'publish'>;
  looks: Pick<LooksLikeCounts, 'offer'>;
}

/**
 * Counts every verdict of an engine for drift, and offers its image to be kept, on all paths: API, Open Inference Protocol, ext_authz
 * and gate. The tenant's own rule decides which verdicts count as OOD, not the rule that a request selects. Verdicts that were given to
 * clients are published as events.
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
    const { engines, drift, tenants, capture, looks } = this.#parts;
    const { uncounted, ...counted } = request;
    const { tenant, bytes, requestId } = request;
    const serving = tenants.resolve(tenant);
    const wanted = !uncounted && capture.wants(tenant);
    const embedding = wanted || serving.negatives?.looks_like === true;
    const asked = embedding ? { ...counted, embedding } : counted;
    const detection = await engines.engineFor(request.headId).detect(asked, signal);
    if (uncounted || tenants.definitionOf(tenant) === undefined) return detection;
    const rule = ruleOf(serving);
    const calibrated = withCalibration(detection, serving);
    const decision = decisionOf(calibrated.detection.decisions, rule);
    drift.record(request.tenant, {
      ood: decision === 'ood',
      noProbability: detection.noProbability,
      predicted: serving.classes[detection.index] ?? '',
    });
    // the tenant may have changed since the request; its former classes cannot name the verdict
    if (serving.headId !== request.headId) return detection;
    const look = () => looksLikeBy(this, serving, detection);
    const refused = decision === 'ood' && serving.negatives !== undefined;
    if (refused && serving.negatives?.looks_like) looks.offer({ tenant, version: serving.version, look });
    if (wanted)
      capture.offer({
        tenant,
        bytes,
        ...calibrated,
        rule,
        decision,
        serving,
        requestId,
        ...(refused && { looksLike: look }),
      });
    return detection;
  }

  look(request: LookRequest, signal?: AbortSignal): Promise<NearWord[]> {
    return this.#parts.engines.engineFor(request.headId).look(request, signal);
  }

  given(verdict: GivenVerdict): void {
    this.#parts.events.publish(verdict);
  }
}

/** The rule of the tenant; without the calibration that it asks for, the rule that would decide with a stale one. */
const ruleOf = (serving: RuledServing) =>
  serving.method !== 'calibrated' || serving.calibration ? standingRule(serving) : serving.uncalibratedMethod;
