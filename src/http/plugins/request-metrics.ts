import fp from 'fastify-plugin';
import { exemplarOf } from '../../telemetry/metrics.ts';
import { routeOf } from './tracing.ts';

/** Counts and times every request, labelled by its route pattern, because patterns are few and addresses are not. */
export const requestMetricsPlugin = fp(async (app) => {
  app.addHook('onResponse', (request, reply, done) => {
    const route = routeOf(request);
    app.metrics.requests.inc({ route, method: request.method, status: String(reply.statusCode) });
    app.metrics.requestDuration.observe({
      labels: { route },
      value: reply.elapsedTime / 1000,
      exemplarLabels: exemplarOf(request.trace),
    });
    done();
  });
});
