import type { AuditSink } from './audit/record.ts';
import type { GateSettings, Route } from './config/settings.ts';
import { BufferPool } from './proxy/body.ts';
import { Upstream } from './proxy/upstream.ts';

/** One version of the settings with everything derived from it. A request keeps the version that it began with. */
export class Runtime {
  readonly settings: GateSettings;
  readonly upstream: Upstream;
  readonly pool: BufferPool;
  readonly audit: AuditSink | undefined;
  readonly #fallbacks = new Map<string, Upstream>();

  constructor(settings: GateSettings, audit: AuditSink | undefined) {
    this.settings = settings;
    this.upstream = new Upstream(settings.upstream);
    this.pool = new BufferPool(settings.maxBufferedBytes);
    this.audit = audit;
    for (const { fallback } of settings.routes) {
      if (fallback) this.#fallbacks.set(fallback.href, new Upstream({ ...settings.upstream, url: fallback }));
    }
  }

  fallback({ fallback }: Route): Upstream {
    return (fallback && this.#fallbacks.get(fallback.href)) ?? this.upstream;
  }

  retire(): void {
    for (const upstream of [this.upstream, ...this.#fallbacks.values()]) upstream.retire();
  }
}
