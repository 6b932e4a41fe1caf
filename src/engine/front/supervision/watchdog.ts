import type { Vitals } from '../../ipc/protocol.ts';
import type { ExitCause } from '../../shared/exit-cause.ts';
import type { ThreadTime } from './thread-time.ts';

export interface WatchdogLimits {
  /** Longest time without a finished image while images are inside, and longest time to decode one. */
  stallMs: number;
  /** Limit of the process's resident memory, bytes; 0 for none. */
  maxMemoryBytes: number;
}

export interface WatchdogOptions extends WatchdogLimits {
  ping(): void;
  /** Time of the process's main thread; undefined where it is not known. */
  time?(): ThreadTime | undefined;
  /** Images inside the process. */
  inside(): number;
  /** Called once, when the process must be ended; `sha256` of the image that is the cause, if one is known. */
  onFault(cause: ExitCause, detail: string, sha256?: string): void;
  tickMs?: number;
}

const TICK_MS = 250;
/** Ticks without a message after which the process counts as hanging. Its main thread does no heavy work, so it always answers in time. */
const SILENT_TICKS = 5;
/**
 * The part of a silent tick that counts if the main thread wanted to run and got a processor for less than half of it. Such a thread may
 * only not come to its answer, because the machine is busy or the quota of a container is used up.
 */
const STARVED_TICK = 0.1;
/** A stall is at least this many times the slowest batch without a finished image. */
const SLOW_BATCHES = 4;

/**
 * Checks that one engine process answers, that it finishes images, and that it stays within its memory. Time is counted in ticks of this
 * process: if this process was itself stopped or had no processor time, the pause does not count.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #tickMs: number;
  readonly #timer: NodeJS.Timeout;
  #stopped = false;
  #silent = 0;
  #silentTicks = 0;
  /** As it was at the last tick, if that was silent. */
  #time: ThreadTime | undefined;
  #withoutProgress = 0;
  #slowestBatchMs = 0;
  /** From the last report of the process: the image that has been decoding for longest. */
  #decoding: Vitals['decoding'] = null;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#tickMs = options.tickMs ?? TICK_MS;
    this.#timer = setInterval(() => this.#tick(), this.#tickMs);
    this.#timer.unref();
  }

  /** Called for every message of the process. */
  heard(): void {
    this.#silent = 0;
    this.#silentTicks = 0;
  }

  /** An image was answered with a verdict or an error. */
  progress(): void {
    this.#withoutProgress = 0;
  }

  batch(seconds: number): void {
    this.progress();
    // the maximum decays, so that one busy period does not raise the limit permanently
    this.#slowestBatchMs = Math.max(seconds * 1000, 0.99 * this.#slowestBatchMs);
  }

  vitals({ rss, decoding }: Vitals): void {
    const { maxMemoryBytes, onFault } = this.#options;
    this.#decoding = decoding;
    if (maxMemoryBytes > 0 && rss > maxMemoryBytes) {
      this.#fault(() => onFault('memory_limit', `${rss} bytes resident, at most ${maxMemoryBytes} are allowed`));
    } else if (decoding && decoding.ms > this.#stallMs) {
      const { ms, sha256 } = decoding;
      this.#fault(() => onFault('stall', `an image has been decoded for ${Math.round(ms)} ms`, sha256));
    }
  }

  get #stallMs(): number {
    return Math.max(this.#options.stallMs, SLOW_BATCHES * this.#slowestBatchMs);
  }

  #tick(): void {
    const { inside, ping, onFault } = this.#options;
    this.#silent += this.#starved() ? STARVED_TICK : 1;
    this.#silentTicks++;
    this.#withoutProgress = inside() > 0 ? this.#withoutProgress + 1 : 0;
    if (this.#silent > SILENT_TICKS) {
      this.#fault(() => onFault('hang', `no answer for ${this.#silentTicks * this.#tickMs} ms`));
    } else if (this.#withoutProgress * this.#tickMs > this.#stallMs) {
      const { sha256, ms } = this.#decoding ?? { ms: 0 };
      const image = ms > this.#stallMs / 2 ? sha256 : undefined;
      this.#fault(() => onFault('stall', `no image was finished within ${Math.round(this.#stallMs)} ms`, image));
    } else ping();
  }

  /** Whether the main thread wanted to run in the last tick, and had too little processor time to answer. */
  #starved(): boolean {
    const before = this.#time;
    // a process that answers is not looked at: its answer comes between two ticks
    const now = this.#silentTicks > 0 ? this.#options.time?.() : undefined;
    this.#time = now;
    if (!before || !now) return false;
    const half = this.#tickMs / 2;
    return now.waitedMs - before.waitedMs > half || (now.runnable && now.ranMs - before.ranMs < half);
  }

  #fault(report: () => void): void {
    if (this.#stopped) return;
    this.stop();
    report();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }
}
