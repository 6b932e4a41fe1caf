import { BundleError } from '../bundle/errors.ts';
import { bundlePath } from '../config/index.ts';
import { defined } from '../defined.ts';
import { ServiceError, serializeError, toProblem } from '../errors/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { TenantRegistry } from '../tenants/registry.ts';
import type { LiveModel, Model } from './live-model.ts';
import type { ReloadStatus } from './reload-status.ts';

export interface ReloaderOptions {
  live: LiveModel;
  tenants: TenantRegistry;
  logger: Logger;
  /** False until the first model of the service serves. */
  started(): boolean;
  /** Called when another model serves. */
  onDone?(): void;
}

/**
 * Replaces the model that serves, by another bundle or the same one read again. The steps: start, golden-check and warm its
 * engines; build every tenant's features; switch all traffic at once; end the old engines. The old model serves until the
 * switch, and continues to serve if any step fails.
 */
export class Reloader {
  readonly #options: ReloaderOptions;
  #status: ReloadStatus = { state: 'idle' };
  #running: Promise<void> | undefined;
  readonly #abort = new AbortController();

  constructor(options: ReloaderOptions) {
    this.#options = options;
  }

  get status(): ReloadStatus {
    return this.#status;
  }

  /**
   * Resolves when the new model serves and the old one has ended.
   * @throws ServiceError reload_running, engine_unavailable; rejects with the error of the step that failed
   */
  start(bundle?: string): Promise<void> {
    if (this.#running)
      throw new ServiceError('reload_running', 'A reload is in progress. GET /v1/admin/reload shows its state.');
    if (!this.#options.started() || this.#abort.signal.aborted) {
      throw new ServiceError('engine_unavailable', 'The service is starting or shutting down. Try again.', {
        retryAfterSeconds: 1,
      });
    }
    this.#running = this.#run(bundle).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#abort.abort(new ServiceError('shutting_down', 'The service is shutting down.'));
    await this.#running?.catch(() => {});
  }

  async #run(bundle: string | undefined): Promise<void> {
    const { live, logger } = this.#options;
    const from = label(live.current);
    this.#status = { state: 'running', stage: 'opening', from, started_at: now() };
    logger.info({ from, bundle }, 'reload begins');
    let next: Model | undefined;
    try {
      next = await live.open(bundle === undefined ? undefined : bundlePath(bundle));
      const to = label(next);
      this.#progress({ stage: 'starting', to });
      await next.engine.start();
      const old = await this.#moveTenants(next);
      logger.info({ from, to }, 'all tenants have moved to the new model');
      next = undefined;
      this.#progress({ stage: 'draining' });
      await live.retireBefore();
      await this.#options.tenants.dropHeads(old);
      this.#status = { ...this.#finished(), state: 'done' };
      logger.info({ from, to }, 'reload done');
      this.#options.onDone?.();
    } catch (error) {
      const failure = asServiceError(error);
      if (next) await live.close(next).catch(() => {});
      this.#status = { ...this.#finished(), state: 'failed', error: toProblem(failure) };
      logger.error(
        { from, code: failure.code, detail: failure.message, internal: failure.internal },
        'reload failed; the old model stays in service',
      );
      throw failure;
    }
  }

  #moveTenants(model: Model): Promise<string[]> {
    this.#progress({ stage: 'tenants' });
    return this.#options.tenants.moveTo(model.forTenants, {
      signal: this.#abort.signal,
      onProgress: (ready, total) => this.#progress({ tenants: { ready, total } }),
      onMoved: () => this.#options.live.serve(model),
    });
  }

  #progress(change: Partial<ReloadStatus>): void {
    this.#status = { ...this.#status, ...change };
  }

  #finished(): ReloadStatus {
    const { stage: _, ...rest } = this.#status;
    return { ...rest, finished_at: now() };
  }
}

const now = () => new Date().toISOString();

function label({ opened: { bundle, devices } }: Model) {
  const { name, version } = bundle.manifest;
  return { name, version, id: bundle.id, precision: bundle.precision, devices };
}

function asServiceError(error: unknown): ServiceError {
  if (error instanceof BundleError) {
    return new ServiceError('bundle_invalid', "The bundle can't be served; the old one stays in service.", {
      internal: error.message,
      extra: { faults: error.faults },
    });
  }
  if (error instanceof ServiceError && error.code === 'engine_unavailable') {
    // only administrators may reload, so they may see the engine's message
    return new ServiceError('bundle_invalid', `The bundle can't be served: ${error.message}`, {
      ...(error.internal === undefined
        ? {}
        : { internal: error.internal, extra: { reason: error.internal.split('\n')[0] } }),
      cause: error,
    });
  }
  if (error instanceof ServiceError) return error;
  const { code, detail, internal } = serializeError(error);
  return new ServiceError(code, detail, { ...defined({ internal }), cause: error });
}
