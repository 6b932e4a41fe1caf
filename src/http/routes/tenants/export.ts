import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { ARCHIVE_TYPE } from '../../../tenants/archive.ts';
import { manageTenantInPath } from '../../access.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams } from '../../schemas/tenant.ts';

/** `GET /v1/tenants/{tenant}/export`: definition, features, calibration and examples as one file. */
export const tenantsExport: FastifyPluginAsync = async (app) => {
  app.get<{ Params: TenantParams }>(
    '/v1/tenants/:tenant/export',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'exportTenant',
        tags: ['tenants'],
        summary: 'A tenant as one file: definition, features, calibration and examples',
        description:
          'The file has a checksum. It can be imported into another service; with the same bundle nothing is encoded again.',
        produces: [ARCHIVE_TYPE],
        params: TenantParams,
        response: {
          200: { description: 'The file.', content: { [ARCHIVE_TYPE]: { schema: Type.String({ format: 'binary' }) } } },
          ...ProblemResponses,
        },
      },
    },
    async (request, reply) => {
      const { tenant } = request.params;
      const file = await app.tenants.exportTenant(tenant);
      return reply
        .header('content-type', ARCHIVE_TYPE)
        .header('content-disposition', `attachment; filename="${tenant}.clipn-tenant"`)
        .send(file);
    },
  );
};
