import type { Logger } from './logger.ts';
import { HeardTrace, type Tracing } from './request-trace.ts';
import { readTraceparent } from './trace-context.ts';

export type { Attributes, RequestTrace, TracedStage, Tracing, UpstreamCall } from './request-trace.ts';
export type { TraceIds } from './trace-context.ts';

/** Exports nothing; the log still names callers' traces. */
export const listening: Tracing = {
  on: false,
  begin: (_name, { traceparent }) => {
    if (traceparent === undefined) return undefined;
    const parent = readTraceparent(traceparent);
    return parent && new HeardTrace(parent, parent.sampled);
  },
  close: async () => {},
};

/** Whether the standard variables of OpenTelemetry turn traces on: an endpoint, or OTEL_TRACES_EXPORTER=otlp for the default one. */
export function tracesWanted(env: NodeJS.ProcessEnv): boolean {
  const exporter = (env['OTEL_TRACES_EXPORTER'] ?? '').trim().toLowerCase();
  if (/^true$/i.test(env['OTEL_SDK_DISABLED']?.trim() ?? '')) return false;
  if (exporter !== '' && exporter !== 'otlp') return false;
  return [exporter, env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'], env['OTEL_EXPORTER_OTLP_ENDPOINT']].some(Boolean);
}

/** Opens tracing. The packages of OpenTelemetry are loaded only if traces are on. @throws Error for an unsupported protocol */
export async function openTracing(env: NodeJS.ProcessEnv, version: string, logger: Logger): Promise<Tracing> {
  if (!tracesWanted(env)) return listening;
  const { OtlpTracing } = await import('./otlp.ts');
  return OtlpTracing.open(env, version, logger);
}
