import type { FastifyPluginAsync } from 'fastify';
import type { Metrics } from '../../../telemetry/metrics.ts';
import { processUsage } from '../../../telemetry/process-usage.ts';

/** Prometheus exposition. Gauges that mirror a state are read at the moment of the scrape. */
export const metrics: FastifyPluginAsync = async (app) => {
  app.get(
    '/metrics',
    {
      config: { access: 'metrics' },
      schema: { operationId: 'metrics', tags: ['operations'], summary: 'Prometheus metrics' },
      logLevel: 'warn',
    },
    async (_request, reply) => {
      const { metrics, engine, tenants } = app;
      metrics.engineUp.reset();
      metrics.engineState.reset();
      for (const { name, state } of engine.status.engines) {
        metrics.engineUp.set({ engine: name }, state === 'ready' ? 1 : 0);
        metrics.engineState.set({ engine: name, state }, 1);
      }
      await engineProcess(metrics, engine.status.pid);
      for (const [state, count] of Object.entries(tenants.counts())) metrics.tenants.set({ state }, count);
      return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
    },
  );
};

/** A new process counts from nothing: Prometheus takes that for the reset of a counter, as it is. */
async function engineProcess(metrics: Metrics, pid: number | undefined): Promise<void> {
  const usage = pid === undefined ? undefined : await processUsage(pid);
  metrics.engineMemory.set(usage?.residentBytes ?? 0);
  metrics.engineThreads.set(usage?.threads ?? 0);
  metrics.engineCpu.reset();
  metrics.engineCpu.inc(usage?.cpuSeconds ?? 0);
}
