import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from './logger.ts';
import { readTraceparent, type TraceIds } from './trace-context.ts';

export type { TraceIds };

/** A part of a request's time, on the clock of `performance.now`. */
export interface Stage {
  name: string;
  start: number;
  end: number;
}

export type Attributes = Record<string, string | number | boolean>;

/** What a trace needs of an engine: one image, one verdict, and where its time went when that is asked for. */
export interface Detects<Q, D> {
  detect(request: Q, signal?: AbortSignal): Promise<D>;
}
type Asked = { tenant: string; bytes: Uint8Array; stages?: boolean };
type Answered = { stages?: Stage[]; cache: string };

/** The call of the classifier behind the gate. */
export interface UpstreamCall {
  /** Fields that go on with the request in place of the client's own; undefined: they go on as they came. */
  readonly headers: [string, string][] | undefined;
  /** Once: its status, or why there was no answer. */
  end(outcome: { status: number } | { error: string }): void;
}

/** One request's trace. Times are those of `performance.now`; spans are made from times that were measured anyway. */
export interface RequestTrace {
  readonly ids: TraceIds;
  /** For exemplars: undefined where nobody keeps the trace. */
  readonly exemplar: TraceIds | undefined;
  /** What has passed since the last lap, or since the beginning, becomes a span of this name, or none without a name. */
  lap(name?: string): void;
  /** The same engine; every image that it is asked for becomes a span, with one below it for each stage of its way. */
  around<Q extends Asked, D extends Answered>(engine: Detects<Q, D>): Detects<Q, D>;
  upstream(): UpstreamCall;
  /** The end of the request, with the status of its answer; later calls do nothing. */
  end(status: number): void;
}

/** Where requests' traces begin. */
export interface Tracing {
  /** Spans are made and sent. */
  readonly on: boolean;
  /** Undefined: the request belongs to no trace. `start` is when it came. */
  begin(name: string, headers: IncomingHttpHeaders, start: number, attributes?: Attributes): RequestTrace | undefined;
  /** Sends what has not been sent yet. */
  close(): Promise<void>;
}

/** A caller's trace to which nothing is added here: its name is in the log, and its fields go on untouched. */
export class HeardTrace implements RequestTrace {
  readonly ids: TraceIds;
  readonly exemplar: TraceIds | undefined;

  constructor({ trace_id, span_id }: TraceIds, sampled: boolean) {
    this.ids = { trace_id, span_id };
    this.exemplar = sampled ? this.ids : undefined;
  }

  lap(): void {}

  around<E>(engine: E): E {
    return engine;
  }

  upstream(): UpstreamCall {
    return { headers: undefined, end: () => {} };
  }

  end(): void {}
}

/** Nothing is sent; callers' traces are still named. */
export const listening: Tracing = {
  on: false,
  begin: (_name, { traceparent }) => {
    if (traceparent === undefined) return undefined;
    const parent = readTraceparent(traceparent);
    return parent && new HeardTrace(parent, parent.sampled);
  },
  close: async () => {},
};

/** Whether the standard variables of OpenTelemetry ask for traces: an endpoint, or OTEL_TRACES_EXPORTER=otlp for the usual one. */
export function tracesWanted(env: NodeJS.ProcessEnv): boolean {
  const exporter = (env['OTEL_TRACES_EXPORTER'] ?? '').trim().toLowerCase();
  if (/^true$/i.test(env['OTEL_SDK_DISABLED']?.trim() ?? '')) return false;
  if (exporter !== '' && exporter !== 'otlp') return false;
  return [exporter, env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'], env['OTEL_EXPORTER_OTLP_ENDPOINT']].some(Boolean);
}

/** The packages of OpenTelemetry are loaded only where traces are wanted. @throws Error for a protocol that is not spoken */
export async function openTracing(env: NodeJS.ProcessEnv, version: string, logger: Logger): Promise<Tracing> {
  if (!tracesWanted(env)) return listening;
  const { OtlpTracing } = await import('./otlp.ts');
  return OtlpTracing.open(env, version, logger);
}
