import { ServiceError } from '../errors/index.ts';
import type { Principal } from './principal.ts';
import { TokenBucket } from './token-bucket.ts';

/** For keys and tenants that have no limits of their own; 0 is no limit. */
export interface DefaultLimits {
  keyImagesPerSecond: number;
  keyConcurrentRequests: number;
  tenantImagesPerSecond: number;
  tenantConcurrentImages: number;
}

/** A tenant and what its definition says of limits. It may ask for less than everybody gets, never for more. */
export interface LimitedTenant {
  id: string;
  imagesPerSecond?: number | undefined;
  concurrentImages?: number | undefined;
}

/** Buckets kept before the full ones, which remember nothing, are dropped. */
const MANY_BUCKETS = 10_000;

const smaller = (a: number, b: number | undefined) => (b === undefined ? a : a === 0 ? b : Math.min(a, b));

/**
 * Who may send how much, in this process: every replica counts for itself. @fastify/rate-limit does not fit: it counts requests, in
 * windows, before the body is read. Here images count, which are known only after it, for key and tenant together.
 */
export class Limiter {
  readonly #defaults: DefaultLimits;
  readonly #now: () => number;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #inside = new Map<string, number>();

  constructor(defaults: DefaultLimits, now: () => number = () => performance.now()) {
    this.#defaults = defaults;
    this.#now = now;
  }

  /**
   * One more request of this key; call what comes back when it is over.
   * @throws ServiceError rate_limited
   */
  enter(principal: Principal): () => void {
    const limit = principal.limits.concurrent_requests ?? this.#defaults.keyConcurrentRequests;
    if (principal.kind !== 'key' || limit === 0) return () => {};
    return this.#occupy(`key ${principal.id}`, 1, limit, `This key may have ${limit} requests under way at once.`);
  }

  /**
   * Whether key and tenant may send an image now: asked before the body is read.
   * @throws ServiceError rate_limited
   */
  check(principal: Principal, tenant: LimitedTenant): void {
    for (const { what, bucket } of this.#bucketsOf(principal, tenant)) {
      const wait = bucket.wait(this.#now());
      if (wait === 0) continue;
      throw new ServiceError('rate_limited', `This ${what} may send ${bucket.rate} images per second.`, {
        retryAfter: Math.ceil(wait),
        extra: { limit: bucket.rate, limited: what },
      });
    }
  }

  /**
   * Takes `images` of what key and tenant may send; call what comes back when they are judged.
   * @throws ServiceError rate_limited
   */
  take(principal: Principal, tenant: LimitedTenant, images: number): () => void {
    this.check(principal, tenant);
    const limit = smaller(this.#defaults.tenantConcurrentImages, tenant.concurrentImages);
    const message = `This tenant may have ${limit} images inside the service at once.`;
    const leave = limit === 0 ? () => {} : this.#occupy(`tenant ${tenant.id}`, images, limit, message);
    this.charge(principal, tenant, images);
    return leave;
  }

  /** Takes images that have been judged already, into debt if need be: for requests that tell their images only afterwards. */
  charge(principal: Principal, tenant: LimitedTenant, images: number): void {
    for (const { bucket } of this.#bucketsOf(principal, tenant)) bucket.take(images, this.#now());
  }

  /** RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers), for what is limited; empty where nothing is. */
  headers(principal: Principal, tenant: LimitedTenant): Record<string, string> {
    const buckets = this.#bucketsOf(principal, tenant);
    if (buckets.length === 0) return {};
    const now = this.#now();
    const limit = ({ what, bucket }: (typeof buckets)[number]) => {
      const level = bucket.level(now);
      const seconds = Math.ceil(level < 1 ? bucket.wait(now) : (bucket.size - level) / bucket.rate);
      return `"${what}";r=${Math.max(0, Math.floor(level))};t=${seconds}`;
    };
    const policy = ({ what, bucket }: (typeof buckets)[number]) =>
      `"${what}";q=${Math.floor(bucket.size)};w=${Math.ceil(bucket.size / bucket.rate)}`;
    return { ratelimit: buckets.map(limit).join(', '), 'ratelimit-policy': buckets.map(policy).join(', ') };
  }

  #bucketsOf(principal: Principal, tenant: LimitedTenant): { what: 'key' | 'tenant'; bucket: TokenBucket }[] {
    const keyRate =
      principal.kind === 'key' ? (principal.limits.images_per_second ?? this.#defaults.keyImagesPerSecond) : 0;
    const tenantRate = smaller(this.#defaults.tenantImagesPerSecond, tenant.imagesPerSecond);
    return [
      ...(keyRate > 0 ? [{ what: 'key' as const, bucket: this.#bucket(`key ${principal.id}`, keyRate) }] : []),
      ...(tenantRate > 0 ? [{ what: 'tenant' as const, bucket: this.#bucket(`tenant ${tenant.id}`, tenantRate) }] : []),
    ];
  }

  #bucket(name: string, rate: number): TokenBucket {
    const old = this.#buckets.get(name);
    if (old?.rate === rate) return old;
    const now = this.#now();
    if (this.#buckets.size >= MANY_BUCKETS) {
      for (const [n, b] of this.#buckets) if (b.level(now) === b.size) this.#buckets.delete(n);
    }
    const bucket = new TokenBucket(rate, now);
    this.#buckets.set(name, bucket);
    return bucket;
  }

  #occupy(name: string, n: number, limit: number, message: string): () => void {
    const inside = this.#inside.get(name) ?? 0;
    // alone, a request larger than the limit may pass: else it never could
    if (inside > 0 && inside + n > limit) {
      throw new ServiceError('rate_limited', message, { retryAfter: 1, extra: { limit } });
    }
    this.#inside.set(name, inside + n);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const rest = (this.#inside.get(name) as number) - n;
      if (rest === 0) this.#inside.delete(name);
      else this.#inside.set(name, rest);
    };
  }
}
