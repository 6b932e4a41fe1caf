import type { Precision } from '../bundle/manifest.ts';
import { ProcessLink } from './process-link.ts';
import type { TextOperations } from './protocol.ts';
import type { EngineObserver, FeatureOptions, FeatureRequest, TextFeatureBuilder } from './types.ts';

export interface TextEncoderOptions {
  bundleDir: string;
  precision: Precision;
  threads: number;
  /** How long the process stays after its last build; Infinity keeps it for good. */
  idleMs: number;
  observer: EngineObserver;
}

interface Live {
  link: ProcessLink<TextOperations>;
  ready: Promise<{ goldenMaxDifference: number }>;
}

/** Starts the text encoder process when there is something to encode and ends it when it has been idle. */
export class TextEncoderProcess implements TextFeatureBuilder {
  readonly #options: TextEncoderOptions;
  #live: Live | undefined;
  #users = 0;
  #idle: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: TextEncoderOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#live !== undefined;
  }

  #start(): Live {
    const link: ProcessLink<TextOperations> = new ProcessLink({
      module: 'text-process',
      env: {},
      onExit: ({ code, signal }) => {
        if (this.#live?.link !== link) return;
        this.#live = undefined;
        if (!this.#stopped) this.#options.observer.log?.('error', 'text encoder process ended', { code, signal });
      },
    });
    const { bundleDir, precision, threads } = this.#options;
    const ready = link.call('init', { bundleDir, precision, threads });
    ready.catch(() => {
      if (this.#live?.link === link) this.#live = undefined;
      link.child.kill('SIGKILL');
    });
    this.#live = { link, ready };
    return this.#live;
  }

  async #use<T>(task: (link: ProcessLink<TextOperations>) => Promise<T>): Promise<T> {
    clearTimeout(this.#idle);
    this.#users++;
    try {
      const live = this.#live ?? this.#start();
      await live.ready;
      return await task(live.link);
    } finally {
      if (--this.#users === 0 && Number.isFinite(this.#options.idleMs)) {
        this.#idle = setTimeout(() => void this.#retire(), this.#options.idleMs);
        this.#idle.unref();
      }
    }
  }

  async #retire(): Promise<void> {
    const live = this.#live;
    this.#live = undefined;
    await live?.link.close();
  }

  /** Starts the process and compares both towers and the tokenizer with the golden file. Largest difference of a feature. */
  verify(): Promise<number> {
    return this.#use(async () => (await (this.#live as Live).ready).goldenMaxDifference);
  }

  build(request: FeatureRequest, { signal, onProgress }: FeatureOptions = {}): Promise<Float32Array> {
    return this.#use((link) => link.call('build', request, { signal, onProgress }));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#idle);
    await this.#retire();
  }
}
