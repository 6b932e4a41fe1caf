import type { ErrorObject } from 'ajv';
import { parseAllDocuments } from 'yaml';
import { inWords } from '../../errors/schema-words.ts';
import { validatorOf } from '../../validator.ts';
import { TENANT_ID, TENANT_ID_RULE, TenantDefinition } from '../definition.ts';

/** Names of tenant files, in a watched directory and for `apply -f`. YAML includes JSON. */
export const TENANT_FILE = /\.(ya?ml|json)$/i;

export interface TenantDocument {
  id: string;
  definition: TenantDefinition;
}

const valid = validatorOf(TenantDefinition, { allErrors: true, strictTypes: false, verbose: true });

/** The tenants of a file, and its faults. A faulty document does not affect the others. */
export interface ParsedFile {
  tenants: TenantDocument[];
  /** Texts for the author of the file, each with its place. */
  faults: string[];
}

/**
 * Parses the tenants of a file. A document is a definition as PUT takes it, with the tenant's id as `tenant`. A file of one
 * document may omit the id; its file name is the id then.
 * @param name the file's name without its folder; empty for standard input, where every document needs its id
 */
export function parseTenants(name: string, content: string | Uint8Array): ParsedFile {
  const text = typeof content === 'string' ? content : textOf(content);
  if (text === undefined) return { tenants: [], faults: ['the file is not UTF-8'] };
  const documents = parseAllDocuments(text, { prettyErrors: true });
  const parsed: ParsedFile = { tenants: [], faults: [] };
  if (!Array.isArray(documents)) return parsed;
  const faults = documents.flatMap((document) => document.errors.map((e) => e.message.split('\n')[0] as string));
  if (faults.length > 0) return { ...parsed, faults };
  // the number of resolved aliases (*x) is limited, so that a small file cannot expand to a large one
  const values: unknown[] = documents
    .map((document) => document.toJS({ maxAliasCount: 100 }))
    .filter((value) => value !== null);
  for (const [i, value] of values.entries()) {
    const several = values.length > 1;
    const read = tenantOf(value, several ? '' : name.replace(TENANT_FILE, ''));
    if (typeof read === 'string') parsed.faults.push(several ? `document ${i + 1}: ${read}` : read);
    else parsed.tenants.push(read);
  }
  return parsed;
}

/** Undefined for bytes that are not UTF-8, which would otherwise become other characters. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** A tenant, or its fault. */
function tenantOf(value: unknown, fallbackId: string): TenantDocument | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return `expected a tenant with "classes", found ${describe(value)}`;
  }
  const { tenant = fallbackId, ...definition } = value as Record<string, unknown>;
  if (tenant === '') return 'the document needs the id of its tenant as "tenant", for lack of a file name';
  if (typeof tenant !== 'string') return `tenant is ${describe(tenant)}, expected text`;
  if (!TENANT_ID.test(tenant)) return `${JSON.stringify(tenant)} is not a tenant id. ${TENANT_ID_RULE}`;
  if (!valid(definition)) return explain(valid.errors);
  return { id: tenant, definition: definition as TenantDefinition };
}

function describe(value: unknown): string {
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'a mapping' : JSON.stringify(value);
}

function explain(errors: readonly ErrorObject[]): string {
  const lines = inWords(errors).map(({ keyword, instancePath, message }) => {
    if (keyword === 'anyOf' && instancePath.startsWith('/classes/')) {
      return `${instancePath} must be text (quote numbers) or a mapping with name and aliases`;
    }
    return `${instancePath || 'the tenant'} ${message}`;
  });
  return [...new Set(lines)].slice(0, 10).join('; ');
}
