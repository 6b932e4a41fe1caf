/**
 * Traces by OTLP over HTTP. Only this file imports OpenTelemetry's packages, and it is loaded only if traces are on. Everything is
 * configured by the standard OTEL_* variables, which the packages read themselves.
 */

import type { IncomingHttpHeaders } from 'node:http';
import {
  type Context,
  DiagLogLevel,
  defaultTextMapGetter,
  defaultTextMapSetter,
  diag,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { setGlobalErrorHandler, W3CTraceContextPropagator } from '@opentelemetry/core';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { defined } from '../defined.ts';
import type { Logger } from './logger.ts';
import {
  type Attributes,
  type Detects,
  HeardTrace,
  type RequestTrace,
  type TracedStage,
  type Tracing,
  type UpstreamCall,
} from './request-trace.ts';
import type { TraceIds } from './trace-context.ts';

const propagator = new W3CTraceContextPropagator();

/** Longest wait for the collector at the end of the process. */
const FLUSH_MS = 3000;
/** An unreachable collector is logged at this interval, not with every batch. */
const COMPLAINT_EVERY_MS = 60_000;

async function exporter(env: NodeJS.ProcessEnv): Promise<SpanExporter> {
  const given = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'] || 'http/protobuf';
  const protocol = given.trim();
  if (protocol === 'http/protobuf') {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
    return new OTLPTraceExporter();
  }
  if (protocol === 'http/json') {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
    return new OTLPTraceExporter();
  }
  throw new Error(`OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf or http/json, it is ${given}`);
}

/** Warnings of the packages, without the values of OTEL_EXPORTER_OTLP_HEADERS, which they quote. */
function complaints(env: NodeJS.ProcessEnv, logger: Logger): (message: string) => void {
  const secrets = Object.entries(env)
    .filter(([name]) => /^OTEL_EXPORTER_OTLP_(\w+_)?HEADERS$/.test(name))
    .flatMap(([, value = '']) => [value, ...value.split(',').map((pair) => pair.slice(pair.indexOf('=') + 1).trim())])
    .flatMap((secret) => [secret, decoded(secret)])
    .filter((secret) => secret.length > 0)
    .sort((a, b) => b.length - a.length);
  let last = Number.NEGATIVE_INFINITY;
  return (message) => {
    const now = performance.now();
    if (now - last < COMPLAINT_EVERY_MS) return;
    last = now;
    const detail = secrets.reduce((text, secret) => text.replaceAll(secret, '[redacted]'), message);
    logger.warn({ detail: detail.slice(0, 500) }, 'traces cannot be exported');
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : ((error as { message?: string }).message ?? String(error));
}

export class OtlpTracing implements Tracing {
  readonly on = true;
  readonly #provider: BasicTracerProvider;
  readonly #tracer: Tracer;

  private constructor(provider: BasicTracerProvider, version: string) {
    this.#provider = provider;
    this.#tracer = provider.getTracer('clipn-gate', version);
  }

  static async open(env: NodeJS.ProcessEnv, version: string, logger: Logger): Promise<OtlpTracing> {
    const complain = complaints(env, logger);
    const ignore = () => {};
    diag.setLogger(
      { error: complain, warn: complain, info: ignore, debug: ignore, verbose: ignore },
      DiagLogLevel.WARN,
    );
    setGlobalErrorHandler((error) => complain(messageOf(error)));
    const own = resourceFromAttributes({ 'service.name': 'clipn-gate', 'service.version': version });
    const provider = new BasicTracerProvider({
      resource: defaultResource()
        .merge(own)
        .merge(detectResources({ detectors: [envDetector] })),
      spanProcessors: [new BatchSpanProcessor(await exporter(env))],
    });
    return new OtlpTracing(provider, version);
  }

  begin(name: string, headers: IncomingHttpHeaders, start: number, attributes: Attributes = {}): RequestTrace {
    const parent = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
    const clock = new Clock();
    const options = { kind: SpanKind.SERVER, startTime: clock.at(start), attributes };
    const span = this.#tracer.startSpan(name, options, parent);
    const within = trace.setSpan(parent, span);
    if (!span.isRecording()) return new UnsampledTrace(span, within);
    return new RecordedTrace(this.#tracer, span, within, { clock, start });
  }

  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_MS);
    });
    await Promise.race([this.#provider.shutdown().catch(() => {}), late]);
    clearTimeout(timer);
  }
}

/** Converts `performance.now` to the time of day. The offset is fixed for one request, so that setting the clock does not distort its spans. */
class Clock {
  readonly #offset = Date.now() - performance.now();

  at(ms: number): number {
    return ms + this.#offset;
  }
}

function idsOf(span: Span): TraceIds {
  const { traceId, spanId } = span.spanContext();
  return { trace_id: traceId, span_id: spanId };
}

function fieldsOf(within: Context): [string, string][] {
  const carrier: Record<string, string> = {};
  propagator.inject(within, carrier, defaultTextMapSetter);
  return Object.entries(carrier);
}

/** A trace that the sampler dropped; the next service receives that decision. */
class UnsampledTrace extends HeardTrace {
  readonly #within: Context;

  constructor(span: Span, within: Context) {
    super(idsOf(span), false);
    this.#within = within;
  }

  override upstream(): UpstreamCall {
    return { headers: fieldsOf(this.#within), end: () => {} };
  }
}

class RecordedTrace implements RequestTrace {
  readonly ids: TraceIds;
  readonly exemplar: TraceIds;
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #within: Context;
  readonly #clock: Clock;
  #lastLap: number;
  #laps = 0;
  #ended = false;

  constructor(tracer: Tracer, span: Span, within: Context, { clock, start }: { clock: Clock; start: number }) {
    this.#tracer = tracer;
    this.#span = span;
    this.#within = within;
    this.#clock = clock;
    this.#lastLap = start;
    this.ids = idsOf(span);
    this.exemplar = this.ids;
  }

  lap(name?: string): void {
    const [start, end] = [this.#lastLap, performance.now()];
    this.#lastLap = end;
    this.#laps++;
    if (name !== undefined) this.#stage({ name, start, end }, this.#within);
  }

  #stage({ name, start, end }: TracedStage, within: Context): void {
    this.#child({ name: `clipn.${name}`, start }, {}, within).end(this.#clock.at(end));
  }

  #child(
    { name, start }: Pick<TracedStage, 'name' | 'start'>,
    attributes: Attributes,
    within: Context,
    kind?: SpanKind,
  ): Span {
    const startTime = this.#clock.at(start);
    return this.#tracer.startSpan(name, { startTime, attributes, ...defined({ kind }) }, within);
  }

  around<
    Q extends { tenant: string; bytes: Uint8Array; stages?: boolean },
    D extends { stages?: TracedStage[]; cache: string },
  >(engine: Detects<Q, D>): Detects<Q, D> {
    return {
      detect: async (request, signal) => {
        const start = performance.now();
        const span = this.#child(
          { name: 'clipn.detect', start },
          { 'clipn.tenant': request.tenant, 'clipn.image.bytes': request.bytes.length },
          this.#within,
        );
        try {
          const detection = await engine.detect({ ...request, stages: true }, signal);
          const within = trace.setSpan(this.#within, span);
          for (const stage of detection.stages ?? []) this.#stage(stage, within);
          span.setAttribute('clipn.cache', detection.cache);
          return detection;
        } catch (error) {
          const code = (error as { code?: unknown }).code;
          span.setStatus({ code: SpanStatusCode.ERROR });
          span.setAttribute('error.type', typeof code === 'string' ? code : 'error');
          throw error;
        } finally {
          span.end(this.#clock.at(performance.now()));
        }
      },
    };
  }

  upstream(): UpstreamCall {
    this.lap('decide');
    const span = this.#child({ name: 'clipn.upstream', start: performance.now() }, {}, this.#within, SpanKind.CLIENT);
    let ended = false;
    return {
      headers: fieldsOf(trace.setSpan(this.#within, span)),
      end: (result) => {
        if (ended) return;
        ended = true;
        if ('status' in result) span.setAttribute('http.response.status_code', result.status);
        else span.setAttribute('error.type', result.error);
        if ('error' in result || result.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end(this.#clock.at(performance.now()));
        this.lap();
      },
    };
  }

  end(status: number): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#laps > 0) this.lap('reply');
    this.#span.setAttribute('http.response.status_code', status);
    if (status >= 500) this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end(this.#clock.at(performance.now()));
  }
}
