import type { Config } from '../../config/index.ts';
import { ServiceError } from '../../errors/index.ts';
import { checkDefinition, type TenantDefinition } from '../../tenants/definition.ts';
import { isRecord } from '../../tenants/record.ts';

/** Definition of the given class names, or of a stored tenant. @throws ServiceError invalid_request, tenant_not_found */
export async function definitionOf(
  { classes, tenant = 'demo' }: { classes?: string; tenant?: string },
  config: Config,
): Promise<TenantDefinition> {
  return classes === undefined ? storedDefinition(tenant, config) : namedClasses(classes, config);
}

function namedClasses(list: string, config: Config): TenantDefinition {
  const classes = list
    .split(',')
    .map((c) => c.trim())
    .filter((c) => c !== '');
  if (classes.length === 0) throw new ServiceError('invalid_request', 'Name at least one class: --classes cat,dog');
  const definition = { classes };
  checkDefinition(definition, config);
  return definition;
}

async function storedDefinition(tenant: string, config: Config): Promise<TenantDefinition> {
  const { openStore } = await import('../../serving/open-store.ts');
  const { store, close } = await openStore(config, { onProblem: () => {} });
  const record = await store.get(tenant).finally(close);
  if (record && isRecord(record)) return record.definition;
  const where = config.store === 'directory' ? config.dataDir : 'the database';
  throw new ServiceError(
    'tenant_not_found',
    `There is no tenant "${tenant}" in ${where}; name classes with --classes a,b,c.`,
  );
}
