import type { Precision } from '../../../src/bundle/manifest.ts';

export interface Subject {
  dir: string;
  name: string;
  precisions: Precision[];
}

/** The measurements, and their length. */
export interface Plan {
  devices: string[];
  batches: number[];
  /** TensorRT compiles the model for each batch that it has not seen. */
  tensorrtBatches: number[];
  rawSeconds: number;
  clients: number[];
  loadSeconds: number;
  memoryRequests: number;
  minutes: number;
}

const powers = (to: number) => Array.from({ length: Math.log2(to) + 1 }, (_, i) => 2 ** i);

export const wholePlan = (devices: string[], minutes: number, seconds: number): Plan => ({
  devices,
  batches: powers(256),
  tensorrtBatches: [1, 32, 256],
  rawSeconds: 2,
  clients: powers(256),
  loadSeconds: seconds,
  memoryRequests: 50_000,
  minutes,
});

/** The same parts with counts that a CPU finishes in seconds. */
export const dryPlan = (): Plan => ({
  devices: ['cpu'],
  batches: [1, 2],
  tensorrtBatches: [],
  rawSeconds: 0.1,
  clients: [1, 2],
  loadSeconds: 0.3,
  memoryRequests: 60,
  minutes: 10,
});

/** Keeps a run within its time: a part that would not fit is left out, and a part that fails costs the others nothing. */
export class Budget {
  readonly leftOut: string[] = [];
  readonly #end: number;

  constructor(minutes: number, now = Date.now()) {
    this.#end = now + minutes * 60_000;
  }

  get leftMs(): number {
    return this.#end - Date.now();
  }

  /** @param seconds that the part takes, roughly */
  async part<T>(name: string, seconds: number, task: () => Promise<T>): Promise<T | null> {
    if (this.leftMs < seconds * 1000) {
      this.leftOut.push(`${name}: not enough time was left`);
      return null;
    }
    console.log(`${name} ...`);
    try {
      return await task();
    } catch (error) {
      this.leftOut.push(`${name}: ${(error as Error).message.slice(0, 400)}`);
      return null;
    }
  }
}
