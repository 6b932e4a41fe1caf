import type { FastifyPluginAsync } from 'fastify';
import { checkClass } from '../../../tenants/examples/change.ts';
import { manageTenantInPath } from '../../access.ts';
import { ExamplesParams, ExamplesReply, toExamplesReply } from '../../schemas/examples.ts';
import { ProblemResponses } from '../../schemas/problem.ts';

/** `GET /v1/tenants/{tenant}/classes/{class}/examples`: the examples of a class. */
export const examplesGet: FastifyPluginAsync = async (app) => {
  app.get<{ Params: ExamplesParams }>(
    '/v1/tenants/:tenant/classes/:class/examples',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'getExamples',
        tags: ['tenants'],
        summary: 'The example images of a class',
        description: 'By their SHA-256. `picture` says whether the image itself is kept.',
        params: ExamplesParams,
        response: { 200: ExamplesReply, ...ProblemResponses },
      },
    },
    async ({ params: { tenant, class: name } }) => {
      const { record } = app.tenants.get(tenant);
      checkClass(record, name);
      const lacking = app.tenants.examples(tenant).some((of) => of.class === name && of.lacking === true);
      return toExamplesReply(record, name, lacking);
    },
  );
};
