import { decisionOf } from '../clipn/index.ts';
import type { DriftMonitor } from '../drift/index.ts';
import type { Detection, DetectRequest } from '../engine/index.ts';
import type { TenantRegistry } from '../tenants/registry.ts';

interface Detects {
  detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection>;
}

/**
 * The same engine, but every verdict is counted for drift, through whichever door its image came: the API, the Open Inference
 * Protocol, ext_authz or the gate. The tenant's own rule decides what counts as OOD, not what a request asks for.
 */
export function observedEngine<E extends Detects>(
  engine: E,
  { drift, tenants }: { drift: DriftMonitor; tenants: Pick<TenantRegistry, 'resolve'> },
): E {
  const detect = async (request: DetectRequest, signal?: AbortSignal): Promise<Detection> => {
    const { classes, method } = tenants.resolve(request.tenant);
    const detection = await engine.detect(request, signal);
    drift.record(request.tenant, {
      ood: decisionOf(detection.decisions, method) === 'ood',
      noProbability: detection.noProbability,
      predicted: classes[detection.index] ?? '',
    });
    return detection;
  };
  return new Proxy(engine, {
    get(target, name) {
      if (name === 'detect') return detect;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
