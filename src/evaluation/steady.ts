import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Detection, DetectRequest, Engine, FleetStatus } from '../engine/index.ts';
import { ServiceError } from '../errors/index.ts';
import { POLL_MS } from '../polling.ts';

export type Detector = Pick<Engine, 'detect'> & { readonly status: Omit<FleetStatus, 'engines'> };

/** Number of ended engines after which an image inside counts as the cause. */
const TRIES = 3;

const isEngines = (error: unknown) =>
  error instanceof ServiceError && ['engine_unavailable', 'overloaded', 'tenant_not_ready'].includes(error.code);

/**
 * Judges an image, and repeats it if the engine has ended in the meantime. One of the images inside may be the cause; the others are not.
 * They are retried one at a time, so that an image that kills the engine is alone in it, and only that image fails.
 */
export class SteadyDetector {
  readonly #engine: Detector;
  readonly #recoveryMs: number;
  readonly #alone = pLimit(1);

  /** @param recoveryMs longest time to wait for a new engine */
  constructor(engine: Detector, recoveryMs: number) {
    this.#engine = engine;
    this.#recoveryMs = recoveryMs;
  }

  /** Rejects with the image's fault, or with engine_unavailable after the last try. */
  async detectWithRetries(request: DetectRequest): Promise<Detection> {
    try {
      return await this.#engine.detect(request);
    } catch (error) {
      if (!isEngines(error)) throw error;
    }
    return this.#alone(async () => {
      for (let attempt = 1; ; attempt++) {
        await this.#recovered();
        try {
          return await this.#engine.detect(request);
        } catch (error) {
          if (!isEngines(error) || attempt === TRIES) throw error;
        }
      }
    });
  }

  async #recovered(): Promise<void> {
    const end = performance.now() + this.#recoveryMs;
    while (this.#engine.status.state !== 'ready') {
      if (performance.now() > end) throw new EngineNotBack(this.#recoveryMs);
      await sleep(POLL_MS.restartedEngine);
    }
  }
}

/** The engine does not come back, so that the other images need not be tried. */
export class EngineNotBack extends ServiceError {
  constructor(ms: number) {
    super('engine_unavailable', `The inference engine has not come back within ${Math.round(ms / 1000)} s.`);
  }
}
