import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { ServiceError } from '../../../errors/index.ts';
import { EngineLost } from '../../ipc/engine-lost.ts';
import type { ExitCause } from '../../shared/exit-cause.ts';
import type { DetectRequest } from '../../shared/types.ts';
import type { AfterLoss } from '../admission/slot.ts';

/** Number of refused images that are remembered, and for how long: a newer decoder may be able to open them. */
const REMEMBERED = 10_000;
const REMEMBERED_MS = 24 * 3_600_000;
/** For how long the hash of an image whose decoding did not end is remembered. */
const STALLED_MS = 600_000;
/** Number of engine processes that may end with one request inside, without an image as the cause, before it is answered with 503. */
const MAX_LOSSES = 4;
/**
 * Ends that no image is the cause of. A process is `killed` from outside. A process counts as `hang` if its main thread does not answer;
 * images are decoded and run on other threads, so the main thread is silent because it was stopped, or because the machine is too busy.
 */
const WITHOUT_AN_IMAGE: readonly ExitCause[] = ['killed', 'hang'];

/**
 * Decides about images that were inside an engine when it ended. Each runs once more, alone. An image that ends the next engine too
 * is refused, and its SHA-256 is remembered, so that it is never sent to an engine again.
 */
export class Quarantine {
  readonly #refused = new LRUCache<string, ExitCause>({ max: REMEMBERED, ttl: REMEMBERED_MS });
  readonly #stalled = new LRUCache<string, true>({ max: REMEMBERED, ttl: STALLED_MS });
  /** Number of engines that ended with each request inside, for causes that the request may have had. */
  readonly #ends = new WeakMap<DetectRequest, number>();

  /** Images that are refused. */
  get size(): number {
    return this.#refused.size;
  }

  /** @throws ServiceError image_rejected */
  check(bytes: Uint8Array): void {
    // nearly always no image is refused, and then no image needs to be hashed
    if (this.#refused.size === 0) return;
    const cause = this.#refused.get(hashOf(bytes));
    if (cause !== undefined) throw rejected(cause);
  }

  afterLoss(request: DetectRequest, losses: number, cause: ExitCause): AfterLoss {
    if (WITHOUT_AN_IMAGE.includes(cause)) return losses < MAX_LOSSES ? 'alone' : new EngineLost();
    const ends = (this.#ends.get(request) ?? 0) + 1;
    this.#ends.set(request, ends);
    if (ends === 1 && !this.#refused.has(hashOf(request.bytes))) return 'alone';
    this.#refused.set(hashOf(request.bytes), cause);
    return rejected(cause);
  }

  /** The decoding of an image did not end, whether or not its client still waits: the second time it is refused. */
  stalled(hash: string): void {
    if (this.#stalled.has(hash)) this.#refused.set(hash, 'stall');
    this.#stalled.set(hash, true);
  }
}

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function rejected(cause: ExitCause): ServiceError {
  return new ServiceError(
    'image_rejected',
    'The image made the inference engine fail twice; it is not accepted any more. Saving it again with an image editor may help.',
    { internal: `quarantined after: ${cause}` },
  );
}
