import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import type { DriftMonitor } from '../../../drift/index.ts';
import { EXIT_CAUSES } from '../../../engine/index.ts';
import type { QualityReport } from '../../../serving/quality-reports.ts';
import { expositionFor, OPEN_METRICS, TEXT, toText } from '../../../telemetry/exposition.ts';
import type { Metrics } from '../../../telemetry/metrics.ts';
import { processUsage } from '../../../telemetry/process-usage.ts';
import type { TenantRegistry } from '../../../tenants/registry.ts';
import { ProblemResponses } from '../../schemas/problem.ts';

const mediaType = (type: string) => type.replace(/;.*/, '');
const text = { schema: Type.String() };
const compress = promisify<string, Buffer>(gzip);

/** Whether the header names gzip with a weight other than 0 (RFC 9110, section 12.5.3). */
const takesGzip = (accepted: string | string[] = ''): boolean =>
  /(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))|,|$)/i.test(String(accepted));

/** Prometheus exposition. Gauges that mirror a state are read at each scrape. */
export const metrics: FastifyPluginAsync = async (app) => {
  app.get(
    '/metrics',
    {
      config: { access: 'metrics' },
      schema: {
        operationId: 'metrics',
        tags: ['operations'],
        summary: 'Prometheus metrics',
        response: {
          200: {
            description: 'The exposition that the header Accept prefers.',
            content: { [mediaType(TEXT)]: text, [mediaType(OPEN_METRICS)]: text },
          },
          ...ProblemResponses,
        },
      },
      logLevel: 'warn',
    },
    async (request, reply) => {
      const { metrics, engine, tenants, drift, capture } = app;
      metrics.engineUp.reset();
      metrics.engineState.reset();
      metrics.engineHeldBytes.reset();
      for (const { name, state, held } of engine.status.engines) {
        metrics.engineUp.set({ engine: name }, state === 'ready' ? 1 : 0);
        metrics.engineState.set({ engine: name, state }, 1);
        for (const [kind, bytes] of Object.entries(held ?? {}))
          metrics.engineHeldBytes.set({ engine: name, kind }, bytes);
        // from zero on, so that the first restart is an increase for Prometheus
        for (const cause of EXIT_CAUSES) metrics.engineRestarts.inc({ engine: name, cause }, 0);
      }
      await engineProcess(metrics, engine.status.pid);
      driftGauges(metrics, drift);
      calibrationGauges(metrics, tenants);
      qualityGauges(metrics, await capture.quality.recent(Date.now()));
      for (const [state, count] of Object.entries(tenants.counts())) metrics.tenants.set({ state }, count);
      const type = expositionFor(request.headers.accept);
      const exposition = await metrics.registry.metrics();
      const body = type === TEXT ? toText(exposition) : exposition;
      reply.type(type).header('vary', 'accept, accept-encoding, origin');
      if (!takesGzip(request.headers['accept-encoding'])) return body;
      reply.header('content-encoding', 'gzip');
      return compress(body);
    },
  );
};

/** The counters of a new engine process begin at zero, which Prometheus treats as a counter reset. */
async function engineProcess(metrics: Metrics, pid: number | undefined): Promise<void> {
  const usage = pid === undefined ? undefined : await processUsage(pid);
  metrics.engineMemory.set(usage?.residentBytes ?? 0);
  metrics.engineThreads.set(usage?.threads ?? 0);
  metrics.engineCpu.reset();
  metrics.engineCpu.inc(usage?.cpuSeconds ?? 0);
}

/** Tenants that share the label `other` are in the counts only. */
function calibrationGauges({ calibrations, calibrationStale, tenantLabel }: Metrics, tenants: TenantRegistry): void {
  const counts = { current: 0, stale: 0 };
  calibrationStale.reset();
  for (const [id, { calibration }] of tenants.serving()) {
    if (!calibration) continue;
    counts[calibration.stale ? 'stale' : 'current']++;
    const tenant = tenantLabel(id);
    if (tenant === id) calibrationStale.set({ tenant }, calibration.stale ? 1 : 0);
  }
  for (const [state, count] of Object.entries(counts)) calibrations.set({ state }, count);
}

/** Tenants that share the label `other` have no drift gauges of their own; `GET /v1/tenants/{tenant}/drift` reports theirs. */
function driftGauges(metrics: Metrics, drift: DriftMonitor): void {
  const { driftImages, driftOodRate, driftPsi, driftPsiOfChance } = metrics;
  for (const gauge of [driftImages, driftOodRate, driftPsi, driftPsiOfChance]) gauge.reset();
  for (const id of drift.tenants()) {
    const tenant = metrics.tenantLabel(id);
    if (tenant !== id) continue;
    const { images, oodRate, baseline, psi } = drift.report(id);
    driftImages.set({ tenant }, images);
    for (const [window, share] of [
      ['current', images > 0 ? oodRate : undefined],
      ['baseline', baseline?.oodRate],
    ] as const)
      for (const [bound, value] of Object.entries(share ?? {})) driftOodRate.set({ tenant, window, bound }, value);
    for (const [of, index] of [
      ['no_probability', psi?.noProbability],
      ['predicted_class', psi?.predictedClass],
    ] as const) {
      if (!index) continue;
      driftPsi.set({ tenant, of }, index.value);
      driftPsiOfChance.set({ tenant, of }, index.ofChance);
    }
  }
}

/** Tenants that share a label have no gauges of their own; `GET /v1/tenants/{tenant}/quality` reports theirs. */
function qualityGauges(metrics: Metrics, reports: ReadonlyMap<string, QualityReport>): void {
  const { qualityErrorRate, qualityCovered } = metrics;
  qualityErrorRate.reset();
  qualityCovered.reset();
  for (const [id, { rules, covered }] of reports) {
    const tenant = metrics.tenantLabel(id);
    if (tenant !== id) continue;
    qualityCovered.set({ tenant }, covered);
    for (const [method, { falseRefusals, falseAcceptances }] of Object.entries(rules))
      for (const [error, rate] of [
        ['false_refusal', falseRefusals],
        ['false_acceptance', falseAcceptances],
      ] as const)
        for (const bound of ['value', 'low', 'high'] as const)
          if (rate) qualityErrorRate.set({ tenant, method, error, bound }, rate[bound]);
  }
}
