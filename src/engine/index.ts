import type { Bundle } from '../bundle/load.ts';
import type { Orientation } from '../images/decode.ts';
import { type Ask, Dispatcher } from './front/admission/dispatcher.ts';
import { fleetStatus, namesOf } from './front/fleet.ts';
import { Quarantine } from './front/supervision/quarantine.ts';
import { EngineSupervisor } from './front/supervision/supervisor.ts';
import type { WatchdogLimits } from './front/supervision/watchdog.ts';
import { TextEncoderProcess } from './front/text-encoder.ts';
import type { InitMessage } from './ipc/protocol.ts';
import { weightsOf } from './shared/fair-queue.ts';
import type {
  Detection,
  DetectRequest,
  EngineObserver,
  FeatureOptions,
  FeatureRequest,
  FleetStatus,
  Head,
  HeadHost,
  HeadProvider,
  TextFeatureBuilder,
} from './shared/types.ts';

export type { Ask } from './front/admission/dispatcher.ts';
export { type FoundDevices, findDevices } from './front/find-devices.ts';
export { Quarantine } from './front/supervision/quarantine.ts';
export { EngineLost } from './ipc/engine-lost.ts';
export { fastInt8, usableCores } from './shared/cpus.ts';
export type { Priority } from './shared/fair-queue.ts';
export { lanesFor } from './shared/lane-plan.ts';
export { disagreeing } from './shared/readings.ts';
export type * from './shared/types.ts';

/** What each engine process is told at its start, and what only this side needs. */
export interface EngineOptions extends Omit<InitMessage, 'bundleDir' | 'precision' | 'device'> {
  /** With the graphs of the precision to run; see `withPrecision`. */
  bundle: Bundle;
  /** One engine each; see `findDevices`. */
  devices: string[];
  /** Threads of the text encoder; `threads` are those of one engine's images. */
  textThreads: number;
  /** Why there are fewer lanes than threads, for the log. */
  lanesWhy?: string;
  /** Of images whose request says nothing of it. */
  orientation: Orientation;
  /** Most images waiting for an engine. */
  maxQueue: number;
  /** Most bytes of heads in one engine. */
  headsBytes: number;
  startTimeoutMs: number;
  limits: WatchdogLimits;
  /** Keeps the text encoder process, and with it the text sessions, between builds. */
  keepTextSessions: boolean;
  /** Images that have killed engines; shared by models that follow each other. */
  quarantine?: Quarantine;
  observer?: EngineObserver;
}

/** Settings of every engine process, whatever its device. */
function initOf(options: EngineOptions): Omit<InitMessage, 'device'> {
  const { bundle, threads, lanes, maxBatch, laneBatch, batchWaitMs, maxPixels, decode, cacheBytes, tenantWeights } =
    options;
  const { dir: bundleDir, precision } = bundle;
  const batches = { maxBatch, laneBatch, batchWaitMs };
  return { bundleDir, precision, threads, lanes, ...batches, maxPixels, decode, cacheBytes, tenantWeights };
}

/** The options of the queue that come from the configuration: its length, and the shares of the tenants. */
export function queueOptions({ maxQueue, tenantWeights }: Pick<EngineOptions, 'maxQueue' | 'tenantWeights'>) {
  return { maxQueue, weightOf: weightsOf(tenantWeights) };
}

const TEXT_IDLE_MS = 30_000;

/** One model as the rest of the service sees it: images to verdicts, class names to features. Every device has a process of its own, and so have texts. */
export class Engine implements HeadHost, TextFeatureBuilder {
  readonly #engines: EngineSupervisor[];
  readonly #texts: TextEncoderProcess;
  readonly #dispatcher: Dispatcher;
  readonly #quarantine: Quarantine;
  /** Heads that nobody else could give again. */
  readonly #kept = new Map<string, Head>();
  #provider: HeadProvider | undefined;

  constructor(options: EngineOptions) {
    const { bundle, devices, observer = {}, headsBytes, startTimeoutMs, limits, keepTextSessions } = options;
    const { textThreads } = options;
    const { dir: bundleDir, precision } = bundle;
    const quarantine = options.quarantine ?? new Quarantine();
    this.#quarantine = quarantine;
    this.#dispatcher = new Dispatcher({
      ...queueOptions(options),
      unavailable: () => this.status.reason ?? this.status.state,
      afterLoss: ({ request, losses, slot }) =>
        quarantine.afterLoss(request, losses, (slot as EngineSupervisor).lastCause),
      onDetection: ({ timing, cache }) => observer.image?.({ timing, cache }),
      onDepth: (depth) => observer.queue?.(depth),
    });
    const names = namesOf(devices);
    this.#engines = devices.map((device, i) => {
      return new EngineSupervisor({
        name: names[i] as string,
        init: { ...initOf(options), device },
        lanesWhy: options.lanesWhy,
        orientation: options.orientation,
        headsBytes,
        heads: { loadHead: async (id) => this.#kept.get(id) ?? this.#provider?.loadHead(id) },
        startTimeoutMs,
        limits,
        observer: {
          ...observer,
          state: (status) => {
            observer.state?.(status);
            this.#dispatcher.wake();
          },
        },
        onStalled: (sha256) => quarantine.stalled(sha256),
      });
    });
    for (const engine of this.#engines) this.#dispatcher.addSlot(engine);
    this.#texts = new TextEncoderProcess({
      bundleDir,
      precision,
      threads: textThreads,
      idleMs: keepTextSessions ? Number.POSITIVE_INFINITY : TEXT_IDLE_MS,
      observer,
    });
  }

  /** Resolves when images, on every device, and texts have passed the golden check. Rejects when this bundle can't serve here. */
  async start(): Promise<void> {
    await Promise.all([...this.#engines.map((e) => e.start()), this.#texts.verify()]);
  }

  get status(): FleetStatus {
    return fleetStatus(this.#engines.map((e) => e.status));
  }

  /** Nothing waits and nothing is inside. */
  get idle(): boolean {
    return this.#dispatcher.depth === 0 && this.#dispatcher.inside === 0;
  }

  /** Whether images like these would be taken now; see `Dispatcher.check`. */
  check(ask: Ask): void {
    this.#dispatcher.check(ask);
  }

  /** One image, one verdict; see `Dispatcher.detect`. Rejects with image_rejected (422) when the image has killed engines before. */
  async detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection> {
    this.#quarantine.check(request.bytes);
    return this.#dispatcher.detect(request, signal);
  }

  build(request: FeatureRequest, options?: FeatureOptions): Promise<Float32Array> {
    return this.#texts.build(request, options);
  }

  /** From now on heads are not kept here: whoever made them gives them again. */
  provideHeads(provider: HeadProvider): void {
    this.#provider = provider;
  }

  /** Resolves when the engines have the head, or at once where there is none: it gets the head with the first request for it. */
  async putHead(id: string, head: Head): Promise<void> {
    if (!this.#provider) this.#kept.set(id, head);
    await Promise.all(this.#engines.map((e) => e.putHead(id, head)));
  }

  async dropHead(id: string): Promise<void> {
    this.#kept.delete(id);
    for (const engine of this.#engines) engine.retireHead(id);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#engines.map((e) => e.stop()), this.#texts.stop()]);
    this.#dispatcher.close();
  }
}
