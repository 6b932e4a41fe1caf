import { ServiceError } from '../errors/index.ts';
import type { Principal } from './principal.ts';
import { TokenBucket } from './token-bucket.ts';

/** Limits of keys and tenants without limits of their own; 0 is no limit. */
export interface DefaultLimits {
  keyImagesPerSecond: number;
  keyConcurrentRequests: number;
  tenantImagesPerSecond: number;
  tenantConcurrentImages: number;
}

/** A tenant with the limits of its definition. They may lower the service's limits, never raise them. */
export interface LimitedTenant {
  id: string;
  imagesPerSecond?: number | undefined;
  concurrentImages?: number | undefined;
}

/** When there are more buckets, the full ones are dropped: a full bucket is the same as a new one. */
const MANY_BUCKETS = 10_000;

const smaller = (a: number, b: number | undefined) => (b === undefined ? a : a === 0 ? b : Math.min(a, b));

/**
 * Limits the rate and concurrency of keys and tenants in this process; every replica counts for itself. @fastify/rate-limit
 * does not fit: it counts requests, in windows, before the body is read. This limiter counts images, whose number is known
 * after the body is read, for key and tenant together.
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
   * Counts one more concurrent request of this key. The caller calls the returned function when the request ends.
   * @throws ServiceError rate_limited
   */
  enter(principal: Principal): () => void {
    const limit = principal.limits.concurrent_requests ?? this.#defaults.keyConcurrentRequests;
    if (principal.kind !== 'key' || limit === 0) return () => {};
    return this.#occupy(`key ${principal.id}`, 1, limit, `This key may have ${limit} requests in progress at once.`);
  }

  /**
   * Checks, before the body is read, whether key and tenant may send an image now.
   * @throws ServiceError rate_limited
   */
  check(principal: Principal, tenant: LimitedTenant): void {
    for (const { what, bucket } of this.#bucketsOf(principal, tenant)) {
      const waitSeconds = bucket.waitSeconds(this.#now());
      if (waitSeconds === 0) continue;
      throw new ServiceError('rate_limited', `This ${what} may send ${bucket.rate} images per second.`, {
        retryAfterSeconds: Math.ceil(waitSeconds),
        extra: { limit: bucket.rate, limited: what },
      });
    }
  }

  /**
   * Counts `images` against the limits of key and tenant. The caller calls the returned function when they are judged.
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

  /** Counts images that are already judged, even beyond the limit: for requests whose number of images is known only then. */
  charge(principal: Principal, tenant: LimitedTenant, images: number): void {
    for (const { bucket } of this.#bucketsOf(principal, tenant)) bucket.take(images, this.#now());
  }

  /** Header fields RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers); empty where there is no limit. */
  headers(principal: Principal, tenant: LimitedTenant): Record<string, string> {
    const buckets = this.#bucketsOf(principal, tenant);
    if (buckets.length === 0) return {};
    const now = this.#now();
    const limit = ({ what, bucket }: (typeof buckets)[number]) => {
      const level = bucket.level(now);
      const seconds = Math.ceil(level < 1 ? bucket.waitSeconds(now) : (bucket.size - level) / bucket.rate);
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
    // a request larger than the limit is admitted while nothing else is inside, because it could never pass otherwise
    if (inside > 0 && inside + n > limit) {
      throw new ServiceError('rate_limited', message, { retryAfterSeconds: 1, extra: { limit } });
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
