import type { IncomingHttpHeaders } from 'node:http';
import type { TraceIds } from './trace-context.ts';

/** A part of a request's time, on the clock of `performance.now`. */
export interface TracedStage {
  name: string;
  start: number;
  end: number;
}

export type Attributes = Record<string, string | number | boolean>;

/** The part of an engine that a trace uses: one image, one verdict, and the stages of its time on request. */
export interface Detects<Q, D> {
  detect(request: Q, signal?: AbortSignal): Promise<D>;
}
type TracedAsk = { tenant: string; bytes: Uint8Array; stages?: boolean };
type Answered = { stages?: TracedStage[]; cache: string };

/** The call of the classifier behind the gate. */
export interface UpstreamCall {
  /** Header fields that replace the client's in the forwarded request; undefined: the client's are forwarded unchanged. */
  readonly headers: [string, string][] | undefined;
  /** Ends the span, once: the status of the answer, or the cause of its absence. */
  end(result: { status: number } | { error: string }): void;
}

/** The trace of one request. Times are those of `performance.now`; spans are made from times that are measured anyway. */
export interface RequestTrace {
  readonly ids: TraceIds;
  /** For exemplars; undefined if the trace is not recorded. */
  readonly exemplar: TraceIds | undefined;
  /** The time since the last lap, or since the beginning, becomes a span of this name. Without a name there is no span. */
  lap(name?: string): void;
  /** The same engine; every image becomes a span, with a child span for each stage. */
  around<Q extends TracedAsk, D extends Answered>(engine: Detects<Q, D>): Detects<Q, D>;
  upstream(): UpstreamCall;
  /** The end of the request, with the status of its answer; later calls do nothing. */
  end(status: number): void;
}

/** Starts the traces of requests. */
export interface Tracing {
  /** Whether spans are made and exported. */
  readonly on: boolean;
  /** Undefined if the request belongs to no trace. `start` is the time of its arrival. */
  begin(name: string, headers: IncomingHttpHeaders, start: number, attributes?: Attributes): RequestTrace | undefined;
  /** Exports the remaining spans. */
  close(): Promise<void>;
}

/** A caller's trace to which this service adds no spans: its ids are in the log, and its fields are forwarded unchanged. */
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
