import { ServiceError } from '../errors/index.ts';
import { ProcessLink } from './process-link.ts';
import type { EngineOperations, InitMessage, Observation } from './protocol.ts';
import type { Detection, DetectRequest, EngineObserver, EngineState, EngineStatus, Head, HeadHost } from './types.ts';

export interface SupervisorOptions {
  init: InitMessage;
  /** Longest time from spawning a process to its being ready. */
  startTimeoutMs: number;
  observer: EngineObserver;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;
/** A process that lived this long was not part of a crash loop. */
const STABLE_MS = 30_000;

/**
 * Keeps one image engine process alive. Heads are kept here as well and handed to every new process, so a crash costs
 * the requests that were inside it and nothing else.
 */
export class EngineSupervisor implements HeadHost {
  readonly #options: SupervisorOptions;
  readonly #heads = new Map<string, Head>();
  #link: ProcessLink<EngineOperations> | undefined;
  #state: EngineState = 'starting';
  #reason: string | undefined = 'the inference engine is starting';
  #device: string;
  #restarts = 0;
  #backoff = FIRST_BACKOFF_MS;
  #timer: NodeJS.Timeout | undefined;
  #admitted = 0;
  #msPerImage = 0;

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
      inFlight: this.#admitted,
    };
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
    try {
      const { device, startMs, goldenMaxDifference } = await withTimeout(
        link.call('init', this.#options.init),
        this.#options.startTimeoutMs,
      );
      for (const [id, head] of this.#heads) await link.call('putHead', { id, head });
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
    if (o.what === 'batch') {
      const [event] = o.args;
      const ms = (event.seconds * 1000) / event.size;
      this.#msPerImage = this.#msPerImage === 0 ? ms : 0.9 * this.#msPerImage + 0.1 * ms;
      observer.batch?.(event);
    } else if (o.what === 'image') observer.image?.(...o.args);
    else if (o.what === 'rejected') observer.rejected?.(...o.args);
    else observer.log?.(...o.args);
  }

  #log(level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>): void {
    this.#options.observer.log?.(level, message, details);
  }

  #ready(): ProcessLink<EngineOperations> {
    if (this.#state !== 'ready' || !this.#link) {
      throw new ServiceError('engine_unavailable', `No verdict now: ${this.#reason ?? this.#state}.`, {
        retryAfter: 1,
      });
    }
    return this.#link;
  }

  /**
   * One image, one verdict. Rejects with overloaded (429) when as many images as may wait are inside already,
   * engine_unavailable (503), deadline_exceeded (504), or what is wrong with the image (4xx).
   */
  async detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection> {
    const link = this.#ready();
    const { maxQueue, maxBatch } = this.#options.init;
    if (this.#admitted >= maxQueue + maxBatch) {
      this.#options.observer.rejected?.('overloaded');
      throw new ServiceError('overloaded', 'Too many images are waiting; try again shortly.', {
        retryAfter: Math.max(1, Math.ceil((this.#admitted * this.#msPerImage) / 1000)),
      });
    }
    const { timeoutMs } = request;
    const late =
      timeoutMs === undefined
        ? undefined
        : timeoutSignal(timeoutMs, new ServiceError('deadline_exceeded', `No verdict within ${timeoutMs} ms.`));
    const both = late && signal ? AbortSignal.any([late.signal, signal]) : (late?.signal ?? signal);
    this.#admitted++;
    try {
      return await link.call('detect', { ...request, timeoutMs: timeoutMs ?? null }, { signal: both });
    } finally {
      this.#admitted--;
      late?.clear();
    }
  }

  /** Resolves when the running engine has the head, or at once while there is none: the next one gets it with the others. */
  async putHead(id: string, head: Head): Promise<void> {
    this.#heads.set(id, head);
    await this.#tell((link) => link.call('putHead', { id, head }));
  }

  async dropHead(id: string): Promise<void> {
    this.#heads.delete(id);
    await this.#tell((link) => link.call('dropHead', { id }));
  }

  async #tell(call: (link: ProcessLink<EngineOperations>) => Promise<unknown>): Promise<void> {
    if (this.#state !== 'ready' || !this.#link) return;
    try {
      await call(this.#link);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== 'engine_unavailable') throw error;
    }
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

function timeoutSignal(ms: number, reason: unknown): { signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(reason), ms);
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
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
