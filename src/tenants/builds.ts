import pLimit from 'p-limit';
import { ServiceError } from '../errors/index.ts';
import { POLL_MS } from '../polling.ts';
import type { HeadVersion, TenantHeads } from './heads.ts';
import type { BuildLeases } from './leases.ts';
import { ProgressMeter } from './progress.ts';
import type { TenantRecord } from './record.ts';
import type { Serving, Tenant } from './tenant.ts';

export interface BuildOptions {
  heads: TenantHeads;
  leases: BuildLeases;
  onBuilt?: ((event: { id: string; version: number; seconds: number }) => void) | undefined;
  onFailed?: ((event: { id: string; version: number; error: unknown; retryInMs: number }) => void) | undefined;
  /** A replaced head stays this long, for requests that began with it. */
  headGraceMs: number;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
/** Builds that encode at the same time; more would only slow each other down. */
const CONCURRENT = 4;
/** The other processes wait this long, so that the process that received the change builds first: its client is waiting. */
const COURTESY_MS = 300;

/**
 * Builds the head of a stored definition: from the cache, by encoding, or by waiting for another process that encodes. The
 * former head serves until the new one is complete. A failed build is repeated until it is cancelled.
 */
export class TenantBuilds {
  readonly #options: BuildOptions;
  readonly #limited = pLimit(CONCURRENT);
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopped = false;

  constructor(options: BuildOptions) {
    this.#options = options;
  }

  /** @param own whether the change was made by this process */
  begin(tenant: Tenant, { own = false, retryMs = FIRST_RETRY_MS, after = Promise.resolve() }: BeginOptions = {}): void {
    const abort = new AbortController();
    const done = after
      .then(() => this.#run(tenant, own, abort.signal))
      .then(
        () => {
          delete tenant.build;
        },
        (error: unknown) => {
          delete tenant.build;
          if (!abort.signal.aborted) this.#failed(tenant, error, retryMs);
        },
      );
    tenant.build = { abort, done };
  }

  /** Ends a build in progress, or the wait for its next attempt. */
  async cancel(tenant: Tenant): Promise<void> {
    if (tenant.retry) {
      clearTimeout(tenant.retry);
      this.#timers.delete(tenant.retry);
      delete tenant.retry;
    }
    tenant.build?.abort.abort(
      new ServiceError('tenant_conflict', 'The tenant was changed while its features were built.'),
    );
    await tenant.build?.done;
  }

  /** Removes a replaced head after a while, because requests that began with it still need it. */
  retire(serving: Serving | undefined): void {
    if (serving) this.#after(this.#options.headGraceMs, () => void this.#options.heads.drop(serving.headId));
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async #run(tenant: Tenant, own: boolean, signal: AbortSignal): Promise<void> {
    const { heads, leases } = this.#options;
    const { record } = tenant;
    const began = performance.now();
    const meter = new ProgressMeter();
    const onProgress = (done: number, total: number) => {
      tenant.progress = meter.at(done, total);
    };
    const { previous } = record;
    const before: HeadVersion | undefined = previous && { ...previous, id: record.id };
    const key = `${record.id}@${record.version} ${heads.model.bundle.id}`;
    for (let waitMs = own ? 0 : COURTESY_MS; ; ) {
      signal.throwIfAborted();
      if (await heads.isCached(record)) {
        this.#serve(tenant, await heads.make(record, { signal, onProgress }), began, signal);
        return;
      }
      // after a restart the version that served before must be loaded first
      if (!tenant.serving && before && (record.cancelled || (await heads.isCached(before)))) {
        const serving = await heads.make(before, { signal });
        this.#dropIfAborted(serving, signal);
        tenant.serving = serving;
      }
      if (record.cancelled) return;
      // outside the slots, because all builds that need words wait for the same ones
      await heads.prepareWords(record, { signal, onProgress });
      if (waitMs === 0) {
        if (await this.#build(key, tenant, began, signal, onProgress)) return;
        waitMs = POLL_MS.sharedBuild;
      }
      await leases.wait(key, waitMs, signal, ({ done, total }) => onProgress(done, total));
      waitMs = 0;
    }
  }

  /** Encodes missing features if this process gets the lease; false if another process has it. */
  async #build(
    key: string,
    tenant: Tenant,
    began: number,
    signal: AbortSignal,
    onProgress: (done: number, total: number) => void,
  ): Promise<boolean> {
    const { heads, leases } = this.#options;
    return this.#limited(async () => {
      signal.throwIfAborted();
      const lease = await leases.claim(key);
      if (!lease) return false;
      try {
        const serving = await heads.make(tenant.record, {
          signal: AbortSignal.any([signal, lease.signal]),
          onProgress: (done, total) => {
            onProgress(done, total);
            lease.report(done, total);
          },
        });
        this.#serve(tenant, serving, began, signal);
        return true;
      } catch (error) {
        if (!lease.signal.aborted || signal.aborted) throw error;
        return false;
      } finally {
        await lease.release();
      }
    });
  }

  /** A build may be cancelled after its head is made; then the head is dropped, and the former one continues to serve. */
  #dropIfAborted(serving: Serving, signal: AbortSignal): void {
    if (!signal.aborted) return;
    void this.#options.heads.drop(serving.headId);
    throw signal.reason;
  }

  #serve(tenant: Tenant, serving: Serving, began: number, signal: AbortSignal): void {
    this.#dropIfAborted(serving, signal);
    const old = tenant.serving;
    tenant.serving = serving;
    delete tenant.failure;
    this.retire(old);
    const { id, version } = tenant.record;
    this.#options.onBuilt?.({ id, version, seconds: (performance.now() - began) / 1000 });
  }

  #failed(tenant: Tenant, error: unknown, retryMs: number): void {
    tenant.failure =
      error instanceof ServiceError ? error.message : 'The features could not be built. The log has the reason.';
    const { id, version }: TenantRecord = tenant.record;
    this.#options.onFailed?.({ id, version, error, retryInMs: retryMs });
    const retry = this.#after(retryMs, () => {
      delete tenant.retry;
      this.begin(tenant, { own: true, retryMs: Math.min(2 * retryMs, LONGEST_RETRY_MS) });
    });
    if (retry) tenant.retry = retry;
  }

  #after(ms: number, task: () => void): NodeJS.Timeout | undefined {
    if (this.#stopped) return undefined;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      task();
    }, ms);
    timer.unref();
    this.#timers.add(timer);
    return timer;
  }
}

export interface BeginOptions {
  own?: boolean;
  retryMs?: number;
  /** Must be over first: the build of the former version. */
  after?: Promise<unknown>;
}
