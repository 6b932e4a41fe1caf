import { defined } from '../../../defined.ts';
import { deadlinePassed } from '../../../errors/deadline.ts';
import { ServiceError } from '../../../errors/index.ts';
import { EngineLost } from '../../ipc/engine-lost.ts';
import { FairQueue, type Place, type Priority } from '../../shared/fair-queue.ts';
import type { Detection, DetectRequest } from '../../shared/types.ts';
import type { Ask, DispatcherOptions } from './dispatcher-options.ts';
import type { Entry } from './entry.ts';
import { type Feed, Feeds } from './feeds.ts';
import { ServiceRate } from './service-rate.ts';
import type { EngineSlot } from './slot.ts';

/** Largest number of waiting requests with priority `probe`; further ones count as interactive. */
const PROBES = 4;
/** One tenant may hold at most this many times the remaining room, so that the queue keeps room for other tenants. */
const SHARE_OF_ROOM = 8;

/**
 * The queue of images. It is in the front process, so an engine process that ends loses only the images inside it. Each engine gets
 * as many images as keep it busy, the least loaded engine first; tenant and priority decide which image is next. An image that cannot
 * meet its deadline is refused on arrival. An image that is past its deadline, or whose client has disconnected, is never sent.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #now: () => number;
  readonly #queue: FairQueue<Entry>;
  /** Images that were inside an engine when it ended: each runs with no other image in its engine, before the queue. */
  readonly #alone: Entry[] = [];
  readonly #feeds = new Feeds();
  readonly #rate = new ServiceRate();

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#queue = new FairQueue(options.weightOf);
    this.#now = options.now ?? (() => performance.now());
  }

  /** Images waiting; those inside an engine are not counted. */
  get depth(): number {
    return this.#queue.size + this.#alone.length;
  }

  /** Images inside an engine. */
  get inside(): number {
    return this.#feeds.inside;
  }

  addSlot(slot: EngineSlot): void {
    this.#feeds.add(slot);
    this.#dispatch();
  }

  /** Sends no further images to it; images inside are still answered. */
  removeSlot(slot: EngineSlot): void {
    this.#feeds.remove(slot);
  }

  /** Must be called when an engine has become ready, or when its window has grown. */
  wake(): void {
    this.#dispatch();
  }

  /**
   * Checks whether images of this request would be admitted now, before their bytes are read.
   * @throws ServiceError engine_unavailable (503); overloaded (429) with Retry-After, if there is no room or the deadline cannot be met
   * at the measured rate
   */
  check({ tenant, priority = 'interactive', images, timeoutMs }: Ask): void {
    if (!this.#feeds.anyComing) throw this.#unavailable();
    const place = this.#place(tenant, priority);
    const held = this.#queue.sizeOf(tenant);
    const room = this.#options.maxQueue - this.depth;
    // an engine with room takes the images at once, so they do not count against the limit of the queue
    const free = this.depth > 0 ? 0 : this.#feeds.room;
    const waits = Math.max(0, images - free);
    if (place.priority === 'probe' || waits === 0) return;
    // a request that is larger than the whole queue is admitted if the queue is empty; otherwise it could never be served
    if (this.depth === 0 && images > 1) return;
    if (waits > room || held + waits > SHARE_OF_ROOM * (room - waits + 1)) {
      throw this.#overloaded('Too many images are waiting; try again shortly.');
    }
    if (timeoutMs !== undefined && this.inside > 0) {
      const expected = (this.inside + this.#queue.ahead(place) + images) * this.#rate.msPerImage;
      if (expected > timeoutMs) {
        throw this.#overloaded('The queue is too long to judge the image before its deadline; try again shortly.');
      }
    }
  }

  /** Queues one image and resolves with its verdict. Rejects as `check` throws, with deadline_exceeded (504), the signal's reason, or the error of the image. */
  submit(request: DetectRequest, signal?: AbortSignal): Promise<Detection> {
    const { tenant, priority, timeoutMs } = request;
    try {
      signal?.throwIfAborted();
      this.check({ tenant, priority, images: 1, timeoutMs });
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      const abort = new AbortController();
      const now = this.#now();
      const onAbort = () => this.#giveUp(entry, signal?.reason);
      const timer =
        timeoutMs === undefined ? undefined : setTimeout(() => this.#giveUp(entry, this.#late(entry)), timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      const entry: Entry = {
        request,
        place: this.#place(tenant, priority ?? 'interactive'),
        enqueued: now,
        deadline: timeoutMs === undefined ? Number.POSITIVE_INFINITY : now + timeoutMs,
        losses: 0,
        abort,
        resolve,
        reject,
        release: () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
        },
      };
      const extra = this.#lightFeed(tenant);
      if (extra) void this.#send(entry, extra);
      else {
        this.#queue.push(entry, entry.place);
        this.#dispatch();
      }
    });
  }

  /** Answers all waiting images with 503, at the end of the service. */
  close(): void {
    for (let entry = this.#take(); entry; entry = this.#take()) this.#fail(entry, this.#unavailable());
  }

  #place(key: string, priority: Priority): Place {
    const probe = priority === 'probe' && this.#queue.probes < PROBES;
    return { key, priority: priority === 'probe' && !probe ? 'interactive' : priority };
  }

  /** If all engines are full and the tenant is light: an engine that takes one image beyond its window. */
  #lightFeed(tenant: string): Feed | undefined {
    const first = this.#alone.length === 0 && this.#queue.sizeOf(tenant) === 0;
    return first && !this.#feeds.next(0) ? this.#feeds.forLight(tenant) : undefined;
  }

  #take(): Entry | undefined {
    return this.#alone.shift() ?? this.#queue.shift();
  }

  #dispatch(): void {
    this.#feedEngines();
    this.#options.onDepth?.(this.depth);
  }

  #feedEngines(): void {
    while (this.#alone.length > 0) {
      const feed = this.#feeds.empty();
      if (!feed) break;
      feed.alone = true;
      void this.#send(this.#alone.shift() as Entry, feed);
    }
    while (this.#queue.size > 0) {
      // one engine is left to run empty for each waiting image that must run alone
      const feed = this.#feeds.next(this.#alone.length);
      if (!feed) return;
      void this.#send(this.#queue.shift() as Entry, feed);
    }
  }

  async #send(entry: Entry, feed: Feed): Promise<void> {
    const now = this.#now();
    // in a busy process the timer of the deadline may fire late
    if (entry.deadline <= now) {
      feed.alone = false;
      this.#fail(entry, this.#late(entry));
      return;
    }
    this.#feeds.enter(feed, entry.place.key);
    this.#rate.entered(now);
    let counts = true;
    try {
      const remainingMs = entry.deadline - now;
      const timeoutMs = Number.isFinite(remainingMs) ? remainingMs : undefined;
      const answer = await feed.slot.send({ ...entry.request, ...defined({ timeoutMs }) }, entry.abort.signal);
      const timing = { ...answer.timing, queue: answer.timing.queue + (now - entry.enqueued) };
      const queued = { name: 'queue', start: entry.enqueued, end: now };
      const detection = { ...answer, timing, ...(answer.stages ? { stages: [queued, ...answer.stages] } : {}) };
      entry.release();
      this.#options.onDetection?.(detection);
      entry.resolve(detection);
    } catch (error) {
      counts = !(error instanceof EngineLost || entry.abort.signal.aborted);
      if (error instanceof EngineLost && !entry.abort.signal.aborted) this.#lost(entry, feed.slot, error);
      else this.#fail(entry, error);
    } finally {
      this.#feeds.leave(feed, entry.place.key);
      this.#rate.left(this.#now(), counts);
      this.#dispatch();
    }
  }

  #lost(entry: Entry, slot: EngineSlot, error: EngineLost): void {
    entry.losses++;
    const fate = this.#options.afterLoss?.({ request: entry.request, losses: entry.losses, slot }) ?? error;
    if (fate === 'alone') this.#alone.push(entry);
    else this.#fail(entry, fate);
  }

  #fail(entry: Entry, error: unknown): void {
    entry.release();
    entry.reject(error);
  }

  /** Its client has disconnected or its deadline has passed: removes it from the queue, or cancels it in the engine. */
  #giveUp(entry: Entry, reason: unknown): void {
    const at = this.#alone.indexOf(entry);
    if (at >= 0) this.#alone.splice(at, 1);
    else this.#queue.remove(entry);
    this.#options.onDepth?.(this.depth);
    entry.abort.abort(reason);
    this.#fail(entry, reason);
  }

  #late(entry: Entry): ServiceError {
    if (!this.#feeds.anyReady) return this.#unavailable();
    return deadlinePassed.inFront(entry.request.timeoutMs);
  }

  #unavailable(): ServiceError {
    return new ServiceError('engine_unavailable', `No verdict now: ${this.#options.unavailable()}.`, {
      retryAfterSeconds: 1,
    });
  }

  #overloaded(detail: string): ServiceError {
    const backlog = (this.depth + this.inside) * this.#rate.msPerImage;
    return new ServiceError('overloaded', detail, { retryAfterSeconds: Math.max(1, Math.ceil(backlog / 1000)) });
  }
}
