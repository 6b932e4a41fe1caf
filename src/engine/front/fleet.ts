import { defined } from '../../defined.ts';
import type { EngineStatus, FleetStatus } from '../shared/types.ts';

/** The devices' names, numbered where several engines share a device: cpu, cpu#2. */
export function namesOf(devices: readonly string[]): string[] {
  return devices.map((device, i) => {
    const earlier = devices.slice(0, i).filter((d) => d === device).length;
    return earlier === 0 ? device : `${device}#${earlier + 1}`;
  });
}

/** The status of several engines as one: ready if one of them is ready; the reason names those that are not. */
export function fleetStatus(engines: EngineStatus[]): FleetStatus {
  const best = engines.find((e) => e.state === 'ready') ?? (engines[0] as EngineStatus);
  const reasons = engines.filter((e) => e.state !== 'ready' && e.reason !== undefined);
  const named = (e: EngineStatus) => (engines.length > 1 ? `${e.name}: ${e.reason}` : e.reason);
  const sum = (of: (e: EngineStatus) => number) => engines.reduce((total, e) => total + of(e), 0);
  return {
    state: best.state,
    ...(reasons.length > 0 ? { reason: reasons.map(named).join('; ') } : {}),
    device: engines.map((e) => e.device).join(','),
    precision: best.precision,
    ...defined({ pid: best.pid }),
    restarts: sum((e) => e.restarts),
    inFlight: sum((e) => e.inFlight),
    engines,
  };
}
