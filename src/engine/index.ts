import type { Bundle } from '../bundle/load.ts';
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
  TextFeatureBuilder,
} from './types.ts';

export { fastInt8, usableCores } from './cpus.ts';
export type * from './types.ts';

/** What the engine process is told at its start, and what only this side needs. */
export interface EngineOptions extends Omit<InitMessage, 'bundleDir' | 'precision'> {
  /** With the graphs of the precision to run; see `withPrecision`. */
  bundle: Bundle;
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

  constructor(options: EngineOptions) {
    const { bundle, observer = {}, startTimeoutMs, keepTextSessions, ...init } = options;
    const { dir: bundleDir, precision } = bundle;
    this.#images = new EngineSupervisor({ init: { ...init, bundleDir, precision }, startTimeoutMs, observer });
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

  detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection> {
    return this.#images.detect(request, signal);
  }

  build(request: FeatureRequest, options?: FeatureOptions): Promise<Float32Array> {
    return this.#texts.build(request, options);
  }

  putHead(id: string, head: Head): Promise<void> {
    return this.#images.putHead(id, head);
  }

  dropHead(id: string): Promise<void> {
    return this.#images.dropHead(id);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#images.stop(), this.#texts.stop()]);
  }
}
