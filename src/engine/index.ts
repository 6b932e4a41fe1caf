import { verifyChecksums } from '../bundle/checksums.ts';
import type { Bundle } from '../bundle/load.ts';
import type { NearWord } from '../clipn/index.ts';
import type { Orientation } from '../images/decode.ts';
import { Dispatcher } from './front/admission/dispatcher.ts';
import type { Ask } from './front/admission/dispatcher-options.ts';
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
  LookRequest,
  TextFeatureBuilder,
} from './shared/types.ts';

export type { Ask } from './front/admission/dispatcher-options.ts';
export { type FoundDevices, findDevices } from './front/find-devices.ts';
export { Quarantine } from './front/supervision/quarantine.ts';
export { EngineLost } from './ipc/engine-lost.ts';
export { fastInt8, usableCores } from './shared/cpus.ts';
export { EXIT_CAUSES } from './shared/exit-cause.ts';
export type { Priority } from './shared/fair-queue.ts';
export { lanesFor } from './shared/lane-plan.ts';
export { disagreeing } from './shared/readings.ts';
export type * from './shared/types.ts';

/** The settings of each engine process, and those of the front's half. */
export interface EngineOptions extends Omit<InitMessage, 'first' | 'device'> {
  /** Each device gets one engine; see `findDevices`. */
  devices: string[];
  /** Threads of the text encoder; `threads` are those of one image engine. */
  textThreads: number;
  /** Why there are fewer lanes than threads, for the log. */
  lanesWhy?: string;
  /** For images whose request does not set it. */
  orientation: Orientation;
  /** Largest number of images that wait for an engine. */
  maxQueue: number;
  /** Limit of the heads in one engine process, bytes. */
  headsBytes: number;
  startTimeoutMs: number;
  limits: WatchdogLimits;
  /** Whether the text encoder process stays between builds. */
  keepTextSessions: boolean;
  /** Whether the start of the program waits for this model. */
  urgent?: boolean;
  /** Images that have ended engine processes; shared by all models of the service. */
  quarantine?: Quarantine;
  observer?: EngineObserver;
}

/** Settings of every engine process, whatever its device. */
function initOf(options: EngineOptions): Omit<InitMessage, 'first' | 'device'> {
  const { bundle, threads, lanes, maxBatch, laneBatch, batchWaitMs, maxPixels, decode, cacheBytes, tenantWeights } =
    options;
  const batches = { maxBatch, laneBatch, batchWaitMs };
  return { bundle, threads, lanes, ...batches, maxPixels, decode, cacheBytes, tenantWeights };
}

/** The options of the queue that come from the configuration: its length, and the shares of the tenants. */
export function queueOptions({ maxQueue, tenantWeights }: Pick<EngineOptions, 'maxQueue' | 'tenantWeights'>) {
  return { maxQueue, weightOf: weightsOf(tenantWeights) };
}

const TEXT_IDLE_MS = 30_000;

/** One model as the rest of the service sees it: images to verdicts, class names to features. Each device has a process, and so have texts. */
export class Engine implements HeadHost, TextFeatureBuilder {
  readonly #bundle: Bundle;
  readonly #engines: EngineSupervisor[];
  readonly #texts: TextEncoderProcess;
  readonly #dispatcher: Dispatcher;
  readonly #quarantine: Quarantine;
  /** All heads, while there is no provider that could supply them again. */
  readonly #kept = new Map<string, Head>();
  #provider: HeadProvider | undefined;

  constructor(options: EngineOptions) {
    const { bundle, devices, observer = {}, headsBytes, startTimeoutMs, limits, keepTextSessions } = options;
    const { textThreads } = options;
    this.#bundle = bundle;
    const quarantine = options.quarantine ?? new Quarantine();
    this.#quarantine = quarantine;
    this.#dispatcher = new Dispatcher({
      ...queueOptions(options),
      unavailable: () => this.status.reason ?? this.status.state,
      afterLoss: ({ request, losses, slot }) => quarantine.afterLoss(request, losses, slot.lastCause),
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
      bundle,
      threads: textThreads,
      urgent: options.urgent ?? false,
      idleMs: keepTextSessions ? Number.POSITIVE_INFINITY : TEXT_IDLE_MS,
      observer,
    });
  }

  /**
   * Resolves when all files have their checksums, and the image engines of all devices and the text encoder have passed the golden file. Rejects if
   * this bundle cannot serve here, with BundleError where a file is damaged.
   */
  async start(): Promise<void> {
    const opened = [...this.#engines.map((e) => e.start()), this.#texts.verify()];
    const intact = verifyChecksums(this.#bundle);
    try {
      await Promise.all([...opened, intact]);
    } catch (error) {
      // a damaged file is the cause of every other failure
      await intact;
      throw error;
    }
  }

  get status(): FleetStatus {
    return fleetStatus(this.#engines.map((e) => e.status));
  }

  /** Whether no image waits or is inside an engine. */
  get idle(): boolean {
    return this.#dispatcher.depth === 0 && this.#dispatcher.inside === 0;
  }

  /** Checks whether images of this request would be admitted now; see `Dispatcher.check`. */
  check(ask: Ask): void {
    this.#dispatcher.check(ask);
  }

  /** Judges one image; see `Dispatcher.submit`. Rejects with image_rejected (422) if the image has ended engine processes before. */
  async detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection> {
    this.#quarantine.check(request.bytes);
    return this.#dispatcher.submit(request, signal);
  }

  /** The words nearest to an image that are not of its head's classes. Rejects with engine_unavailable where no engine runs, or if it ends. */
  async look(request: LookRequest, signal?: AbortSignal): Promise<NearWord[]> {
    const engine = this.#engines.find((e) => e.ready) ?? (this.#engines[0] as EngineSupervisor);
    return engine.look(request, signal);
  }

  build(request: FeatureRequest, options?: FeatureOptions): Promise<Float32Array> {
    return this.#texts.build(request, options);
  }

  /** From now on this class keeps no heads: the provider supplies them again when they are needed. */
  provideHeads(provider: HeadProvider): void {
    this.#provider = provider;
  }

  /** Resolves when all running engine processes have the head. Another process receives it with the first request for it. */
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
