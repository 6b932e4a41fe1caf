import { CountsByKey } from '../../shared/counts-by-key.ts';
import type { EngineSlot } from './slot.ts';

/** An engine with the number of images that it holds, and whether it holds one image that must run alone. */
export interface Feed {
  slot: EngineSlot;
  held: number;
  alone: boolean;
}

/** Number of images of light tenants that an engine takes beyond its window. */
const LIGHT_EXTRA = 4;

const load = ({ slot, held }: Feed) => held / slot.window;

/** All engines of the dispatcher, and the images inside them by tenant. */
export class Feeds {
  readonly #feeds = new Map<EngineSlot, Feed>();
  readonly #tenants = new CountsByKey();
  #inside = 0;

  add(slot: EngineSlot): void {
    this.#feeds.set(slot, { slot, held: 0, alone: false });
  }

  remove(slot: EngineSlot): void {
    this.#feeds.delete(slot);
  }

  get anyReady(): boolean {
    return [...this.#feeds.keys()].some((slot) => slot.ready);
  }

  /** Whether an engine is ready or is about to be. */
  get anyComing(): boolean {
    return [...this.#feeds.keys()].some((slot) => slot.ready || slot.returning);
  }

  /** Images inside all engines. */
  get inside(): number {
    return this.#inside;
  }

  /** Number of further images that the engines would take at once. */
  get room(): number {
    return this.#open().reduce((sum, { slot, held }) => sum + Math.max(0, slot.window - held), 0);
  }

  enter(feed: Feed, tenant: string): void {
    feed.held++;
    this.#inside++;
    this.#tenants.add(tenant);
  }

  leave(feed: Feed, tenant: string): void {
    feed.held--;
    feed.alone = false;
    this.#inside--;
    this.#tenants.remove(tenant);
  }

  /** An engine that holds nothing. */
  empty(): Feed | undefined {
    return this.#open().find((f) => f.held === 0);
  }

  /** The engine with the smallest used part of its window, if it has room. `kept` engines are excluded, so that they run empty. */
  next(kept: number): Feed | undefined {
    const [feed] = this.#open().slice(kept);
    return feed && load(feed) < 1 ? feed : undefined;
  }

  /**
   * A full engine that takes one more image of a light tenant. That is a tenant with fewer images inside than its even share; its image
   * need not wait until a batch of other tenants has ended.
   */
  forLight(tenant: string): Feed | undefined {
    const [feed] = this.#open();
    if (!feed || feed.held >= feed.slot.window + LIGHT_EXTRA) return undefined;
    const share = Math.floor(feed.slot.window / this.#tenants.keysWith(tenant));
    return this.#tenants.of(tenant) < share ? feed : undefined;
  }

  /** Engines that may take images, the least loaded first. */
  #open(): Feed[] {
    const open = [...this.#feeds.values()].filter((f) => f.slot.ready && !f.alone);
    return open.sort((a, b) => load(a) - load(b));
  }
}
