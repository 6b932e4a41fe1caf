import { ServiceError } from '../errors/index.ts';
import { EngineLost, type EngineSlot } from './admission/slot.ts';
import { HeadResidency } from './heads/residency.ts';
import { ProcessLink } from './process-link.ts';
import type { EngineOperations, InitMessage, Observation } from './protocol.ts';
import type {
  Detection,
  DetectRequest,
  EngineObserver,
  EngineState,
  EngineStatus,
  Head,
  HeadProvider,
} from './types.ts';

export interface SupervisorOptions {
  init: InitMessage;
  /** Longest time from spawning a process to its being ready. */
  startTimeoutMs: number;
  observer: EngineObserver;
  /** Most bytes of heads in the process. */
  headsBytes: number;
  heads: HeadProvider;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;
/** A process that lived this long was not part of a crash loop. */
const STABLE_MS = 30_000;

/**
 * Keeps one image engine process alive. A new process starts without heads and gets each with the first request for it.
 */
export class EngineSupervisor implements EngineSlot {
  readonly #options: SupervisorOptions;
  #link: ProcessLink<EngineOperations> | undefined;
  #heads: HeadResidency | undefined;
  #state: EngineState = 'starting';
  #reason: string | undefined = 'the inference engine is starting';
  #device: string;
  #restarts = 0;
  #backoff = FIRST_BACKOFF_MS;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#device = options.init.device;
  }

  get status(): EngineStatus {
    const pid = this.#link?.child.pid;
    return {
      state: this.#state,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      device: this.#device,
      precision: this.#options.init.precision,
      ...(pid === undefined || this.#state !== 'ready' ? {} : { pid }),
      restarts: this.#restarts,
      inFlight: this.#link?.inFlight ?? 0,
    };
  }

  get name(): string {
    return this.#device;
  }

  get ready(): boolean {
    return this.#state === 'ready';
  }

  /** Those being decoded, the running batch and the next one. */
  get window(): number {
    const { decodeThreads, maxBatch } = this.#options.init;
    return decodeThreads + 2 * maxBatch;
  }

  /** Starts the first process. Rejects when it can't serve: a service that never worked must not pretend to restart. */
  async start(): Promise<void> {
    try {
      await this.#spawn();
    } catch (error) {
      this.#enter('failed', publicReason(error));
      throw error;
    }
  }

  async #spawn(): Promise<void> {
    const born = Date.now();
    const link: ProcessLink<EngineOperations> = new ProcessLink({
      module: 'engine-process',
      // decoding runs on libuv's pool: one thread per concurrent decode, and one to spare for files
      env: { UV_THREADPOOL_SIZE: String(this.#options.init.decodeThreads + 1) },
      onObservation: (o) => this.#observe(o),
      onExit: (exit) => this.#exited(link, born, exit),
    });
    this.#link = link;
    this.#heads = new HeadResidency({
      limitBytes: this.#options.headsBytes,
      provider: this.#options.heads,
      put: (id, rows) => link.call('putHead', { id, rows }),
      drop: (id) => link.call('dropHead', { id }),
    });
    try {
      const { device, startMs, goldenMaxDifference } = await withTimeout(
        link.call('init', this.#options.init),
        this.#options.startTimeoutMs,
      );
      this.#device = device;
      this.#log('info', 'engine ready', {
        pid: link.child.pid,
        device,
        precision: this.#options.init.precision,
        startMs: Math.round(startMs),
        goldenMaxDifference,
      });
      this.#enter('ready');
    } catch (error) {
      link.child.kill('SIGKILL');
      throw error;
    }
  }

  #exited(
    link: ProcessLink<EngineOperations>,
    born: number,
    exit: { code: number | null; signal: string | null },
  ): void {
    if (link !== this.#link || this.#state === 'stopping' || this.#state === 'stopped' || this.#state === 'starting')
      return;
    if (this.#state === 'failed') return;
    if (Date.now() - born > STABLE_MS) this.#backoff = FIRST_BACKOFF_MS;
    this.#restarts++;
    const how = exit.signal ? `signal ${exit.signal}` : `code ${exit.code}`;
    this.#log('error', 'engine process ended', { pid: link.child.pid, how, restartInMs: this.#backoff });
    this.#enter('restarting', `the inference engine ended (${how}) and is being restarted`);
    this.#timer = setTimeout(() => {
      this.#spawn().catch((error) => {
        // its exit event has scheduled the next try
        this.#log('error', 'engine could not be restarted', {
          error: String(error),
          internal: (error as ServiceError).internal,
        });
      });
    }, this.#backoff);
    this.#backoff = Math.min(this.#backoff * 2, LONGEST_BACKOFF_MS);
  }

  #enter(state: EngineState, reason?: string): void {
    this.#state = state;
    this.#reason = reason;
    this.#options.observer.state?.(this.status);
  }

  #observe(o: Observation): void {
    const { observer } = this.#options;
    if (o.what === 'batch') observer.batch?.(...o.args);
    else observer.log?.(...o.args);
  }

  #log(level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>): void {
    this.#options.observer.log?.(level, message, details);
  }

  /** One image, one verdict. Rejects with EngineLost, engine_unavailable while there is no engine, or what is wrong with the image. */
  async detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection> {
    const link = this.#link;
    const heads = this.#heads;
    if (this.#state !== 'ready' || !link || !heads) {
      const reason = this.#reason ?? this.#state;
      throw new ServiceError('engine_unavailable', `No verdict now: ${reason}.`, { retryAfter: 1 });
    }
    const { weight = 1, priority = 'interactive', timeoutMs = null, ...rest } = request;
    return heads.use(request.headId, () => link.call('detect', { ...rest, weight, priority, timeoutMs }, { signal }));
  }

  /** Resolves when the running engine has the head, or at once while there is none. */
  async putHead(id: string, head: Head): Promise<void> {
    if (this.#state !== 'ready') return;
    try {
      await this.#heads?.put(id, head);
    } catch (error) {
      if (!(error instanceof EngineLost)) throw error;
    }
  }

  /** The head is of no use to requests from now on. */
  retireHead(id: string): void {
    this.#heads?.retire(id);
  }

  /** For tests of supervision. */
  kill(signal: NodeJS.Signals): void {
    this.#link?.child.kill(signal);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#enter('stopping', 'the service is shutting down');
    await this.#link?.close();
    this.#enter('stopped', 'the service is shut down');
  }
}

function publicReason(error: unknown): string {
  return error instanceof ServiceError ? error.message : 'the inference engine could not be started';
}

async function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  const error = new ServiceError('engine_unavailable', `The inference engine was not ready within ${ms} ms.`);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
