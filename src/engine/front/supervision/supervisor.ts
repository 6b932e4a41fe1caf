import type { NearWord } from '../../../clipn/index.ts';
import { defined } from '../../../defined.ts';
import { ServiceError } from '../../../errors/index.ts';
import type { Orientation } from '../../../images/decode.ts';
import { EngineLost } from '../../ipc/engine-lost.ts';
import type { ProcessLink } from '../../ipc/process-link.ts';
import type { EngineOperations, InitMessage, Observation, ToParent } from '../../ipc/protocol.ts';
import { deviceOf } from '../../shared/devices.ts';
import { causeOf, describeExit, type Exit, type ExitCause, oomKills } from '../../shared/exit-cause.ts';
import type {
  Detection,
  DetectRequest,
  EngineObserver,
  EngineState,
  EngineStatus,
  Head,
  HeadProvider,
  LookRequest,
} from '../../shared/types.ts';
import type { EngineSlot } from '../admission/slot.ts';
import { type HeadResidency, headsIn } from '../residency.ts';
import { Backoff } from './backoff.ts';
import { startEngineProcess } from './engine-link.ts';
import { framed } from './stages.ts';
import { endedEarly, publicReason, tooLarge, withTimeout } from './start-errors.ts';
import { threadTime } from './thread-time.ts';
import { Watchdog, type WatchdogLimits } from './watchdog.ts';

export interface SupervisorOptions {
  /** For logs, metrics and readiness: the device, numbered where several engines share it. */
  name: string;
  init: Omit<InitMessage, 'first'>;
  /** Why there are fewer lanes than threads, for the log. */
  lanesWhy?: string | undefined;
  /** For images whose request does not set it. */
  orientation: Orientation;
  /** Most bytes of heads in the process. */
  headsBytes: number;
  heads: HeadProvider;
  /** Longest time from spawning a process to its being ready. */
  startTimeoutMs: number;
  limits: WatchdogLimits;
  observer: EngineObserver;
  /** The decoding of an image did not end, and its process was ended for this reason. */
  onStalled?(sha256: string): void;
}

/** One process from spawn to exit. */
interface Life {
  link: ProcessLink<EngineOperations>;
  heads: HeadResidency;
  born: number;
  oomKills: number;
  /** Set once the process has started. */
  watchdog?: Watchdog;
  exit?: Exit;
  /** Why the supervisor ended it. */
  fault?: { cause: ExitCause; detail: string };
}

/** Number of consecutive processes that ended early after which requests do not wait for the next one. */
const LOOP = 3;
const NOTHING = { heads: 0, words: 0 };

/**
 * Supervises one image engine process: starts it, watches it, ends it if it hangs, and starts the next one. A new process starts
 * without heads and receives each one with the first request for it, so no tenant loses its features when a process ends.
 */
export class EngineSupervisor implements EngineSlot {
  readonly #options: SupervisorOptions;
  readonly #backoff = new Backoff();
  #life: Life | undefined;
  #state: EngineState = 'starting';
  #reason: string | undefined = 'the inference engine is starting';
  #restarts = 0;
  /** Largest number of images in one run, as measured by the process. */
  #batch = 1;
  #timer: NodeJS.Timeout | undefined;
  #nextTry: number | undefined;
  #lastCause: ExitCause = 'crash';

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  get status(): EngineStatus {
    const pid = this.#life?.link.child.pid;
    const { device, bundle } = this.#options.init;
    const { precision } = bundle;
    const waitMs = this.#nextTry === undefined ? undefined : Math.max(0, this.#nextTry - Date.now());
    const reason = this.#reason && `${this.#reason}${waitMs ? `; next try in ${(waitMs / 1000).toFixed(1)} s` : ''}`;
    return {
      name: this.name,
      state: this.#state,
      ...defined({ reason, nextTryMs: waitMs }),
      device,
      precision,
      ...defined({ pid: this.#state === 'ready' ? pid : undefined }),
      restarts: this.#restarts,
      inFlight: this.#life?.link.inFlight ?? 0,
      held: this.#life?.heads.held ?? NOTHING,
    };
  }

  get name(): string {
    return this.#options.name;
  }

  get ready(): boolean {
    return this.#state === 'ready';
  }

  /** The process has ended and is about to be started again: waiting requests continue to wait. */
  get returning(): boolean {
    return this.#state === 'restarting' && this.#backoff.attempts < LOOP;
  }

  /** On a CPU: the images in the lanes, and as many again. On a device: the images being decoded, the running batch and the next one. */
  get window(): number {
    const { device, lanes, threads, maxBatch } = this.#options.init;
    return deviceOf(device).kind === 'cpu' ? 2 * lanes * this.#batch : threads + 2 * maxBatch;
  }

  /** Why the last process ended. */
  get lastCause(): ExitCause {
    return this.#lastCause;
  }

  /** Starts the first process. Rejects if it cannot serve, because a service that has never worked must not report a restart. */
  async start(): Promise<void> {
    try {
      await this.#spawn();
    } catch (error) {
      this.#enter('failed', publicReason(error));
      throw error;
    }
  }

  async #spawn(): Promise<void> {
    this.#nextTry = undefined;
    const { init, heads: provider, headsBytes, startTimeoutMs, limits } = this.#options;
    const link: ProcessLink<EngineOperations> = startEngineProcess(init.threads, {
      onMessage: (message) => this.#heard(life, message),
      onObservation: (o) => this.#observe(life, o),
      onExit: (exit) => this.#exited(life, exit),
    });
    const heads = headsIn(link, { limitBytes: headsBytes, provider });
    const life: Life = { link, heads, born: Date.now(), oomKills: oomKills() };
    this.#life = life;
    try {
      const { startMs, goldenMaxDifference, batch, rss } = await withTimeout(
        link.call('init', { ...init, first: this.#restarts === 0 }),
        startTimeoutMs,
      );
      // otherwise every process would be ended at once, and its images would count as the cause
      if (limits.maxMemoryBytes > 0 && rss > limits.maxMemoryBytes) throw tooLarge(rss, limits.maxMemoryBytes);
      this.#batch = batch;
      life.watchdog = this.#watch(life);
      if (this.#state === 'stopping' || this.#state === 'stopped') return;
      const { pid } = link.child;
      const { device, lanes, threads, bundle } = init;
      const { precision } = bundle;
      const onCpu =
        deviceOf(device).kind === 'cpu'
          ? { lanes, threads: Math.floor(threads / lanes), why: this.#options.lanesWhy }
          : {};
      const details = { name: this.name, pid, device, precision, ...onCpu, batch };
      this.#log('info', 'engine ready', { ...details, startMs: Math.round(startMs), goldenMaxDifference });
      this.#enter('ready');
    } catch (error) {
      const { exit } = life;
      const why = error instanceof EngineLost && exit ? endedEarly(this.name, exit) : error;
      life.fault ??= { cause: 'start', detail: publicReason(why) };
      link.child.kill('SIGKILL');
      throw why;
    }
  }

  #watch(life: Life): Watchdog {
    const { link } = life;
    return new Watchdog({
      ...this.#options.limits,
      ping: () => link.ping(),
      time: () => threadTime(link.child.pid),
      inside: () => link.inside,
      onFault: (cause, detail, sha256) => {
        life.fault = { cause, detail };
        if (sha256 !== undefined) this.#options.onStalled?.(sha256);
        // SIGKILL ends a stopped process too
        link.child.kill('SIGKILL');
      },
    });
  }

  #heard({ watchdog }: Life, message: ToParent): void {
    watchdog?.heard();
    if (message.kind === 'reply' || message.kind === 'failure') watchdog?.progress();
    if (message.kind === 'pong') watchdog?.vitals(message.vitals);
  }

  #exited(life: Life, exit: Exit): void {
    life.watchdog?.stop();
    life.exit = exit;
    if (life !== this.#life || ['starting', 'failed', 'stopping', 'stopped'].includes(this.#state)) return;
    const cause = life.fault?.cause ?? causeOf(exit, oomKills() > life.oomKills);
    const how = life.fault?.detail ?? describeExit(exit, cause);
    this.#lastCause = cause;
    this.#restarts++;
    const waitMs = this.#backoff.next(Date.now() - life.born);
    this.#nextTry = Date.now() + waitMs;
    this.#log('error', 'engine process ended', {
      name: this.name,
      pid: life.link.child.pid,
      cause,
      how,
      restartInMs: waitMs,
    });
    this.#options.observer.restart?.(this.name, cause);
    const loop = this.#backoff.attempts > 1 ? `, ${this.#backoff.attempts} times in a row` : '';
    this.#enter('restarting', `the inference engine ended (${cause}: ${how})${loop} and is being restarted`);
    this.#timer = setTimeout(() => {
      this.#spawn().catch((error) => {
        // its exit event schedules the next try
        const { internal } = error as ServiceError;
        this.#log('error', 'engine could not be restarted', { name: this.name, error: String(error), internal });
      });
    }, waitMs);
  }

  #enter(state: EngineState, reason?: string): void {
    this.#state = state;
    this.#reason = reason;
    this.#options.observer.state?.(this.status);
  }

  #observe({ watchdog }: Life, o: Observation): void {
    const { observer } = this.#options;
    if (o.what === 'batch') {
      watchdog?.batch(o.args[0].seconds);
      observer.batch?.(...o.args);
    } else observer.log?.(...o.args);
  }

  #log(level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>): void {
    this.#options.observer.log?.(level, message, details);
  }

  /** Sends one image to the process and resolves with its verdict. Rejects with EngineLost, with engine_unavailable while there is no process, or with the error of the image. */
  async send(request: DetectRequest, signal?: AbortSignal): Promise<Detection> {
    const { link, heads } = this.#running();
    const { priority = 'interactive', timeoutMs = null, stages = false, readings = false, embedding = false } = request;
    const { bytes, headId, tenant, topK, orientation = this.#options.orientation } = request;
    const began = performance.now();
    const detection = await heads.use(request.headId, () =>
      link.call(
        'detect',
        { bytes, headId, tenant, topK, orientation, priority, timeoutMs, stages, readings, embedding },
        { signal },
      ),
    );
    return detection.stages ? { ...detection, stages: framed(began, detection.stages) } : detection;
  }

  /** The words that an image looks like; see `HeadScorer.look`. Rejects with engine_unavailable while there is no process, or when it ends. */
  async look(request: LookRequest, signal?: AbortSignal): Promise<NearWord[]> {
    const { link, heads } = this.#running();
    return heads.use(request.headId, () => link.call('look', request, { signal }));
  }

  /** @throws ServiceError engine_unavailable */
  #running(): Life {
    if (this.#state === 'ready' && this.#life) return this.#life;
    const reason = this.status.reason ?? this.#state;
    throw new ServiceError('engine_unavailable', `No verdict now: ${reason}.`, { retryAfterSeconds: 1 });
  }

  /** Resolves when the process has the head, or at once while no process runs. */
  async putHead(id: string, head: Head): Promise<void> {
    if (this.#state !== 'ready') return;
    try {
      await this.#life?.heads.put(id, head);
    } catch (error) {
      if (!(error instanceof EngineLost)) throw error;
    }
  }

  /** New requests do not need the head any more. */
  retireHead(id: string): void {
    this.#life?.heads.retire(id);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#nextTry = undefined;
    this.#enter('stopping', 'the service is shutting down');
    this.#life?.watchdog?.stop();
    await this.#life?.link.close();
    this.#enter('stopped', 'the service is shut down');
  }
}
