import type { Bundle } from '../../bundle/load.ts';
import { ProcessLink } from '../ipc/process-link.ts';
import type { TextOperations } from '../ipc/protocol.ts';
import type { EngineObserver, FeatureOptions, FeatureRequest, TextFeatureBuilder } from '../shared/types.ts';

export interface TextEncoderOptions {
  bundle: Bundle;
  threads: number;
  /** Whether the start of the service waits for the first process. */
  urgent?: boolean;
  /** Time from the last build to the end of the process; Infinity never ends it. */
  idleMs: number;
  /** Longest silence of the process while it has work. A batch of texts takes seconds at most, and opening a large bundle less than this. */
  silenceMs?: number;
  observer: EngineObserver;
}

const SILENCE_MS = 120_000;

interface Live {
  link: ProcessLink<TextOperations>;
  ready: Promise<{ goldenMaxDifference: number }>;
  /** Ends the process when it has been silent for too long; every message restarts this timer. */
  silence: NodeJS.Timeout;
}

/**
 * Starts the text encoder process when texts are to be encoded, and ends it after a time without work. A process that is silent during a
 * build is killed; the build is tried again in a new process.
 */
export class TextEncoderProcess implements TextFeatureBuilder {
  readonly #options: TextEncoderOptions;
  #live: Live | undefined;
  #users = 0;
  #idle: NodeJS.Timeout | undefined;
  #stopped = false;
  /** Processes so far. */
  #started = 0;

  constructor(options: TextEncoderOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#live !== undefined;
  }

  #start(): Live {
    const link: ProcessLink<TextOperations> = new ProcessLink({
      module: 'text-process/main',
      env: {},
      onMessage: () => silence.refresh(),
      onExit: ({ code, signal }) => {
        clearInterval(silence);
        if (this.#live?.link !== link) return;
        this.#live = undefined;
        if (!this.#stopped) this.#options.observer.log?.('error', 'text encoder process ended', { code, signal });
      },
    });
    const { bundle, threads, urgent = false, silenceMs = SILENCE_MS } = this.#options;
    const silence = setInterval(() => {
      if (this.#users === 0) return;
      this.#options.observer.log?.('error', 'text encoder process does not answer and is killed', {
        afterMs: silenceMs,
      });
      link.child.kill('SIGKILL');
    }, silenceMs).unref();
    const ready = link.call('init', {
      bundle,
      first: this.#started === 0,
      urgent: urgent && this.#started === 0,
      threads,
    });
    this.#started++;
    ready.catch(() => {
      if (this.#live?.link === link) this.#live = undefined;
      link.child.kill('SIGKILL');
    });
    this.#live = { link, ready, silence };
    return this.#live;
  }

  async #use<T>(task: (link: ProcessLink<TextOperations>) => Promise<T>): Promise<T> {
    clearTimeout(this.#idle);
    this.#users++;
    try {
      // the silence of an idle process does not count
      this.#live?.silence.refresh();
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

  /** Starts the process and compares both towers and the tokenizer with the golden file. Resolves with the largest difference of a feature. */
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
