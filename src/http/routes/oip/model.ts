import type { FastifyPluginAsync } from 'fastify';
import { ServiceError } from '../../../errors/index.ts';
import { detectTenantInPath } from '../../access.ts';
import { ModelParams, OUTPUTS, oipErrors } from '../../schemas/oip.ts';

/** `GET /v2/models/{tenant}` and `/ready`: inputs and outputs of a tenant, and whether it is ready. */
export const oipModel: FastifyPluginAsync = async (app) => {
  oipErrors(app);
  for (const path of ['/v2/models/:tenant', '/v2/models/:tenant/versions/:version']) {
    const versioned = path.endsWith(':version');
    const schema = (operationId: string, summary: string) => ({
      config: { access: detectTenantInPath },
      schema: {
        operationId: versioned ? `${operationId}Version` : operationId,
        tags: ['open inference protocol'],
        summary,
        params: ModelParams,
      },
    });
    app.get<{ Params: ModelParams }>(path, schema('oipModel', 'Model metadata of a tenant'), async ({ params }) => {
      const { version } = app.tenants.resolve(params.tenant);
      checkVersion(params, version);
      return {
        name: params.tenant,
        versions: [String(version)],
        platform: 'clipn',
        inputs: [{ name: 'image', datatype: 'BYTES', shape: [-1] }],
        outputs: OUTPUTS,
      };
    });
    app.get<{ Params: ModelParams }>(
      `${path}/ready`,
      schema('oipModelReady', 'Whether the tenant can serve verdicts'),
      async ({ params }) => {
        checkVersion(params, app.tenants.resolve(params.tenant).version);
        if (app.engine.status.state !== 'ready') {
          throw new ServiceError('engine_unavailable', 'The inference engine is not ready.', { retryAfterSeconds: 1 });
        }
        return { name: params.tenant, ready: true };
      },
    );
  }
};

/** The protocol lets clients name a version; only the serving version is available. */
export function checkVersion({ tenant, version }: ModelParams, serving: number): void {
  if (version === undefined || version === String(serving)) return;
  throw new ServiceError(
    'tenant_not_found',
    `Version ${JSON.stringify(version)} of ${JSON.stringify(tenant)} does not serve; ${serving} does.`,
  );
}
