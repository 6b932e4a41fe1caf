import { Readable } from 'node:stream';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { ServiceError } from '../../../errors/index.ts';
import { manageTenantInPath } from '../../access.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams } from '../../schemas/tenant.ts';
import { buildEvents } from './build-event-stream.ts';

const BuildEvent = Type.Object(
  { event: Type.String(), data: Type.String({ description: 'TenantBuild, as JSON.' }) },
  { title: 'TenantBuildEvent', description: 'One event of the stream.' },
);

/** Most concurrent streams; each holds a connection and a timer. */
const MAX_STREAMS = 200;

/** `GET /v1/tenants/{tenant}/build/events`: the build's state as server-sent events, until the features are ready. */
export const tenantsBuildEvents: FastifyPluginAsync = async (app) => {
  let open = 0;
  app.get<{ Params: TenantParams }>(
    '/v1/tenants/:tenant/build/events',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'watchTenantBuild',
        tags: ['tenants'],
        summary: 'Progress of a build as server-sent events',
        description:
          'Events `progress` and `failed` (followed by another try) during the build; then `ready`, `cancelled` or `removed`, and the stream ends. ' +
          'The data of each is what `GET /v1/tenants/{tenant}/build` shows.',
        produces: ['text/event-stream'],
        params: TenantParams,
        response: {
          200: { description: 'A stream of events.', content: { 'text/event-stream': { schema: BuildEvent } } },
          ...ProblemResponses,
        },
      },
    },
    async (request, reply) => {
      const { tenant } = request.params;
      app.tenants.get(tenant);
      if (open >= MAX_STREAMS) {
        throw new ServiceError('overloaded', 'Too many clients follow builds. Poll the build with GET instead.', {
          retryAfterSeconds: 5,
        });
      }
      open++;
      const stream = Readable.from(buildEvents(app.tenants, tenant, () => app.lifecycle.draining));
      stream.once('close', () => open--);
      return reply
        .header('content-type', 'text/event-stream')
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .send(stream);
    },
  );
};
