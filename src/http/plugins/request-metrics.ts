import fp from 'fastify-plugin';

/** Counts and times every request by its route pattern: the pattern, not the address, bounds the labels. */
export const requestMetricsPlugin = fp(async (app) => {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unmatched';
    app.metrics.requests.inc({ route, method: request.method, status: String(reply.statusCode) });
    app.metrics.requestDuration.observe({ labels: { route }, value: reply.elapsedTime / 1000 });
  });
});
