import { Ajv, type ErrorObject } from 'ajv';
import { parseAllDocuments } from 'yaml';
import { TenantDefinition } from '../definition.ts';

/** Files of a watched directory, and of `apply -f`: YAML, or JSON, which is YAML. */
export const TENANT_FILE = /\.(ya?ml|json)$/i;

export interface TenantDocument {
  id: string;
  definition: TenantDefinition;
}

/** What is wrong with a file, in words for whoever wrote it. */
export class TenantFileError extends Error {
  override readonly name = 'TenantFileError';
}

const valid = new Ajv({ allErrors: true, strictTypes: false }).compile(TenantDefinition);

/**
 * The tenants of a file. A document is a definition as PUT takes it, with the tenant's id as `tenant`; a file of one document may leave
 * that out and is called by its own name then.
 * @param name the file's name without its folder
 * @throws TenantFileError with the place of every fault
 */
export function parseTenants(name: string, text: string): TenantDocument[] {
  const documents = parseAllDocuments(text, { prettyErrors: true });
  if (!Array.isArray(documents)) return [];
  const faults = documents.flatMap((document) => document.errors.map((e) => e.message.split('\n')[0] as string));
  if (faults.length > 0) throw new TenantFileError(faults.join('; '));
  // aliases (*x) are resolved up to a number: a small file must not become a large one
  const values: unknown[] = documents
    .map((document) => document.toJS({ maxAliasCount: 100 }))
    .filter((v) => v !== null);
  return values.map((value, i) => {
    const place = values.length > 1 ? `document ${i + 1}: ` : '';
    if (typeof value !== 'object' || Array.isArray(value)) {
      throw new TenantFileError(`${place}expected a tenant with "classes", found ${describe(value)}`);
    }
    const { tenant, ...definition } = value as Record<string, unknown>;
    if (tenant === undefined && values.length > 1) {
      throw new TenantFileError(`${place}in a file of several tenants each needs its id as "tenant"`);
    }
    if (tenant !== undefined && typeof tenant !== 'string') {
      throw new TenantFileError(`${place}tenant is ${describe(tenant)}, expected text`);
    }
    if (!valid(definition)) throw new TenantFileError(place + explain(valid.errors ?? []));
    return { id: tenant ?? name.replace(TENANT_FILE, ''), definition: definition as TenantDefinition };
  });
}

function describe(value: unknown): string {
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'a mapping' : JSON.stringify(value);
}

function explain(errors: ErrorObject[]): string {
  // of a class that is neither text nor object the three complaints say one thing
  const told = errors.filter((e) => !/^\/classes\/\d+$/.test(e.instancePath) || e.keyword === 'anyOf');
  const lines = told.map((e) => {
    if (e.keyword === 'anyOf' && e.instancePath.startsWith('/classes/')) {
      return `${e.instancePath} must be text (quote numbers) or a mapping with name and aliases`;
    }
    const extra = 'additionalProperty' in e.params ? ` "${e.params['additionalProperty']}"` : '';
    return `${e.instancePath || 'the tenant'} ${e.message}${extra}`;
  });
  return [...new Set(lines)].slice(0, 10).join('; ');
}
