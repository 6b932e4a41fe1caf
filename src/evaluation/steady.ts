import { setTimeout as sleep } from 'node:timers/promises';
import type { Detection, DetectRequest, Engine, FleetStatus } from '../engine/index.ts';
import { Semaphore } from '../engine/semaphore.ts';
import { ServiceError } from '../errors/index.ts';

export type Detector = Pick<Engine, 'detect'> & { readonly status: Omit<FleetStatus, 'engines'> };

/** How often an image may be inside an engine that dies before it counts as the reason. */
const TRIES = 3;
const POLL_MS = 50;

const isEngines = (error: unknown) =>
  error instanceof ServiceError && ['engine_unavailable', 'overloaded', 'tenant_not_ready'].includes(error.code);

/**
 * Asks the engine and asks again when it died meanwhile: among the images inside it one may be to blame, the others are not.
 * They are tried again one at a time, so an image that kills the engine is alone with it and only that image fails in the end.
 */
export class SteadyDetector {
  readonly #engine: Detector;
  readonly #recoveryMs: number;
  readonly #alone = new Semaphore(1);

  /** @param recoveryMs longest time to wait for a new engine */
  constructor(engine: Detector, recoveryMs: number) {
    this.#engine = engine;
    this.#recoveryMs = recoveryMs;
  }

  /** Rejects with what is wrong with the image, or engine_unavailable after the last try. */
  async detect(request: DetectRequest): Promise<Detection> {
    try {
      return await this.#engine.detect(request);
    } catch (error) {
      if (!isEngines(error)) throw error;
    }
    return this.#alone.use(async () => {
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
      if (performance.now() > end) throw new EngineLost(this.#recoveryMs);
      await sleep(POLL_MS);
    }
  }
}

/** The engine does not come back: no use in trying the other images. */
export class EngineLost extends ServiceError {
  constructor(ms: number) {
    super('engine_unavailable', `The inference engine has not come back within ${Math.round(ms / 1000)} s.`);
  }
}
