import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { removeExamples } from '../../../tenants/examples/revise.ts';
import { manageTenantInPath } from '../../access.ts';
import { changeOptions } from '../../audit.ts';
import { ExamplesParams } from '../../schemas/examples.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { ConditionHeaders } from '../../schemas/tenant.ts';

const Query = Type.Object({
  sha256: Type.Optional(Type.String({ description: 'Removes this example only; all of the class otherwise.' })),
});

interface Delete {
  Params: ExamplesParams;
  Querystring: Static<typeof Query>;
  Headers: ConditionHeaders;
}

/** `DELETE /v1/tenants/{tenant}/classes/{class}/examples`: the feature of the class is that of its name again. */
export const examplesDelete: FastifyPluginAsync = async (app) => {
  app.delete<Delete>(
    '/v1/tenants/:tenant/classes/:class/examples',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'deleteExamples',
        tags: ['tenants'],
        summary: 'Removes example images of a class, with their pictures',
        description:
          'A class without them stays as it is. A class that is no longer in the definition may be named as well.',
        params: ExamplesParams,
        querystring: Query,
        headers: ConditionHeaders,
        response: { 204: Type.Null(), ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const { tenant, class: name } = request.params;
      const options = changeOptions(request, 'tenant.examples.delete', tenant);
      const parts = { tenants: app.tenants, pictures: app.capture.pictures };
      await removeExamples(parts, tenant, { class: name, sha256: request.query.sha256 }, options);
      return reply.code(204).send();
    },
  );
};
