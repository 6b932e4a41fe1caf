import type { Readable } from 'node:stream';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ServiceError } from '../../../errors/index.ts';
import { ARCHIVE_BEGINNING, ARCHIVE_TYPE, decodeArchive } from '../../../tenants/archive.ts';
import { VALUES_OF_STATE } from '../../../tenants/archived-state.ts';
import { manageTenantInPath } from '../../access.ts';
import { recorded } from '../../audit.ts';
import { collect, type Watch } from '../../bodies/collect.ts';
import { valuesOfClasses, watchJson } from '../../bodies/parsers.ts';
import { counted, countedTenants } from '../../quotas.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams, TenantReply, WaitHeaders } from '../../schemas/tenant.ts';
import { waitOf } from '../../wait.ts';
import { answerChange } from './reply.ts';

const archive = { schema: Type.Unsafe<unknown>({ contentMediaType: ARCHIVE_TYPE }) };

/** Refuses a body that does not begin like an archive, before the rest is kept. */
function archiveOnly(): Watch {
  let at = 0;
  return (chunk) => {
    const wanted = ARCHIVE_BEGINNING.subarray(at, at + chunk.length);
    at += chunk.length;
    if (chunk.subarray(0, wanted.length).equals(wanted)) return undefined;
    return new ServiceError('import_damaged', 'The file cannot be imported: it is not an exported tenant.');
  };
}

/** `POST /v1/tenants/{tenant}/import`: creates or replaces a tenant from an exported file. */
export const tenantsImport: FastifyPluginAsync = async (app) => {
  for (const type of [ARCHIVE_TYPE, 'application/octet-stream']) {
    app.addContentTypeParser(type, (request: FastifyRequest, payload: Readable) =>
      collect(request, payload, { watch: archiveOnly() }),
    );
  }
  app.post<{ Params: TenantParams; Headers: WaitHeaders }>(
    '/v1/tenants/:tenant/import',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'importTenant',
        tags: ['tenants'],
        summary: 'Creates or replaces a tenant from an exported file',
        description:
          'Like PUT. Features made with the bundle in service are used, for this tenant only; features made with another bundle ' +
          'are built again. Calibration and examples of the file replace those of the tenant; they apply with the model that made them. A changed file is refused with 422 and the code import_damaged.',
        consumes: [ARCHIVE_TYPE, 'application/octet-stream'],
        params: TenantParams,
        headers: WaitHeaders,
        body: { content: { [ARCHIVE_TYPE]: archive, 'application/octet-stream': archive } },
        response: { 200: TenantReply, 201: TenantReply, 202: TenantReply, ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const { prefer, 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
      const waitMs = waitOf(prefer, app.config.buildWaitMs);
      const { tenant } = request.params;
      const { body } = request;
      if (!Buffer.isBuffer(body)) {
        throw new ServiceError('unsupported_media_type', `Send an exported tenant as ${ARCHIVE_TYPE}.`);
      }
      const head = body.subarray(0, Math.max(0, body.indexOf('\n')));
      const refused = watchJson(valuesOfClasses(app.config.maxClasses) + VALUES_OF_STATE)(head);
      if (refused) throw refused;
      const onChanged = recorded(request, 'tenant.import', tenant);
      const change = await app.access.quotas.guard(
        request.principal,
        counted(tenant, decodeArchive(body).definition),
        () => countedTenants(app.tenants),
        () => app.tenants.importTenant(tenant, body, { waitMs, ifMatch, ifNoneMatch, onChanged }),
      );
      return answerChange(reply, change);
    },
  );
};
