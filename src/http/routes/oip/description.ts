import type { FastifyInstance } from 'fastify';
import type { Principal } from '../../../access/index.ts';
import { ServiceError } from '../../../errors/index.ts';
import { type ModelParams, OUTPUTS } from '../../schemas/oip.ts';

/** The protocol lets clients name a version; only the serving version is available. @throws ServiceError tenant_not_found */
export function checkVersion({ tenant, version }: ModelParams, serving: number): void {
  if (version === undefined || version === String(serving)) return;
  throw new ServiceError(
    'tenant_not_found',
    `Version ${JSON.stringify(version)} of ${JSON.stringify(tenant)} does not serve; ${serving} does.`,
  );
}

type Parts = Pick<FastifyInstance, 'tenants' | 'engine'>;

/** Whether the engine can serve this tenant now. @throws ServiceError tenant_not_found, tenant_not_ready */
export function isModelReady({ tenants, engine }: Parts, model: ModelParams): boolean {
  checkVersion(model, tenants.resolve(model.tenant).version);
  return engine.status.state === 'ready';
}

/** Name and version of the server. */
export const serverMetadata = ({ model }: Pick<FastifyInstance, 'model'>, extensions: string[]) => ({
  name: 'clipn-gate',
  version: model.bundle.manifest.version,
  extensions,
});

/** Whether the service can infer. */
export const isServerReady = ({ engine, lifecycle }: Pick<FastifyInstance, 'engine' | 'lifecycle'>): boolean =>
  engine.status.state === 'ready' && !lifecycle.restoring && !lifecycle.draining;

/** Inputs and outputs of a tenant. @throws ServiceError tenant_not_found, tenant_not_ready */
export function metadataOf({ tenants }: Pick<Parts, 'tenants'>, model: ModelParams) {
  const { version } = tenants.resolve(model.tenant);
  checkVersion(model, version);
  return {
    name: model.tenant,
    versions: [String(version)],
    platform: 'clipn',
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [-1] }],
    outputs: OUTPUTS,
  };
}

/** The same as Triton's model configuration, which its tools read. `max_batch_size` 0: the first dimension is written in `dims`. */
export function configOf(parts: Pick<Parts, 'tenants'>, model: ModelParams) {
  const { name, platform, inputs, outputs } = metadataOf(parts, model);
  const typed = ({ name, datatype, shape }: { name: string; datatype: string; shape: readonly number[] }) => ({
    name,
    data_type: datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${datatype}`,
    dims: [...shape],
  });
  return {
    name,
    platform,
    backend: 'clipn',
    max_batch_size: 0,
    input: inputs.map(typed),
    output: outputs.map(typed),
  };
}

/** Most entries of an index. */
const MOST_LISTED = 10_000;

/** The tenants that the principal may get verdicts of. @param ready leaves out tenants that cannot serve yet */
export function indexOf({ tenants }: Pick<Parts, 'tenants'>, principal: Principal, ready: boolean) {
  const visible = (tenant: string) => principal.may({ scope: 'detect', tenant });
  return tenants
    .list({ limit: MOST_LISTED, visible })
    .tenants.filter(({ servingVersion }) => !ready || servingVersion !== undefined)
    .map(({ record, servingVersion }) => ({
      name: record.id,
      version: servingVersion === undefined ? '' : String(servingVersion),
      state: servingVersion === undefined ? 'UNAVAILABLE' : 'READY',
      reason: servingVersion === undefined ? 'its features are being built' : '',
    }));
}
