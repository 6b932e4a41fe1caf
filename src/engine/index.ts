import type { Bundle } from '../bundle/load.ts';
import { type Ask, Dispatcher } from './admission/dispatcher.ts';
import type { InitMessage } from './protocol.ts';
import { EngineSupervisor } from './supervisor.ts';
import { TextEncoderProcess } from './text-encoder.ts';
import type {
  Detection,
  DetectRequest,
  EngineObserver,
  EngineStatus,
  FeatureOptions,
  FeatureRequest,
  Head,
  HeadHost,
  HeadProvider,
  TextFeatureBuilder,
} from './types.ts';

export type { Ask } from './admission/dispatcher.ts';
export type { Priority } from './admission/fair-queue.ts';
export { EngineLost } from './admission/slot.ts';
export { fastInt8, usableCores } from './cpus.ts';
export type * from './types.ts';

/** What the engine process is told at its start, and what only this side needs. */
export interface EngineOptions extends Omit<InitMessage, 'bundleDir' | 'precision'> {
  /** With the graphs of the precision to run; see `withPrecision`. */
  bundle: Bundle;
  /** Most images waiting for an engine. */
  maxQueue: number;
  /** Most bytes of heads in one engine. */
  headsBytes: number;
  startTimeoutMs: number;
  /** Keeps the text encoder process, and with it the text sessions, between builds. */
  keepTextSessions: boolean;
  observer?: EngineObserver;
}

const TEXT_IDLE_MS = 30_000;

/** The model as the rest of the service sees it: images to verdicts, class names to features. Both in processes of their own. */
export class Engine implements HeadHost, TextFeatureBuilder {
  readonly #images: EngineSupervisor;
  readonly #texts: TextEncoderProcess;
  readonly #dispatcher: Dispatcher;
  /** Heads that nobody else could give again. */
  readonly #kept = new Map<string, Head>();
  #provider: HeadProvider | undefined;

  constructor(options: EngineOptions) {
    const { bundle, observer = {}, maxQueue, headsBytes, startTimeoutMs, keepTextSessions, ...init } = options;
    const { dir: bundleDir, precision } = bundle;
    this.#dispatcher = new Dispatcher({
      maxQueue,
      unavailable: () => this.#images.status.reason ?? this.#images.status.state,
      onDetection: ({ timing, cache }) => observer.image?.({ timing, cache }),
      onDepth: (depth) => observer.queue?.(depth),
    });
    this.#images = new EngineSupervisor({
      init: { ...init, bundleDir, precision },
      headsBytes,
      heads: { loadHead: async (id) => this.#kept.get(id) ?? this.#provider?.loadHead(id) },
      startTimeoutMs,
      observer: {
        ...observer,
        state: (status) => {
          observer.state?.(status);
          this.#dispatcher.wake();
        },
      },
    });
    this.#dispatcher.addSlot(this.#images);
    this.#texts = new TextEncoderProcess({
      bundleDir,
      precision,
      threads: options.threads,
      idleMs: keepTextSessions ? Number.POSITIVE_INFINITY : TEXT_IDLE_MS,
      observer,
    });
  }

  /** Resolves when images and texts have both passed the golden check. Rejects when this bundle can't serve here. */
  async start(): Promise<void> {
    await Promise.all([this.#images.start(), this.#texts.verify()]);
  }

  get status(): EngineStatus {
    return this.#images.status;
  }

  /** Whether images like these would be taken now; see `Dispatcher.check`. */
  check(ask: Ask): void {
    this.#dispatcher.check(ask);
  }

  /** One image, one verdict; see `Dispatcher.detect`. */
  detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection> {
    return this.#dispatcher.detect(request, signal);
  }

  build(request: FeatureRequest, options?: FeatureOptions): Promise<Float32Array> {
    return this.#texts.build(request, options);
  }

  /** From now on heads are not kept here: whoever made them gives them again. */
  provideHeads(provider: HeadProvider): void {
    this.#provider = provider;
  }

  /** Resolves when the engine has the head, or at once while there is no engine: it gets the head with the first request for it. */
  async putHead(id: string, head: Head): Promise<void> {
    if (!this.#provider) this.#kept.set(id, head);
    await this.#images.putHead(id, head);
  }

  async dropHead(id: string): Promise<void> {
    this.#kept.delete(id);
    this.#images.retireHead(id);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#images.stop(), this.#texts.stop()]);
    this.#dispatcher.close();
  }
}
