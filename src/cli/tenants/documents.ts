import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Ajv } from 'ajv';
import { parseAllDocuments } from 'yaml';
import { TENANT_ID, TenantDefinition } from '../../tenants/definition.ts';

/** A tenant as a file wants it. */
export interface WantedTenant {
  tenant: string;
  definition: TenantDefinition;
  /** Where it says so, for messages. */
  source: string;
}

/** Files that can't be meant: wrong in form, or saying two things about one tenant. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError';
  constructor(faults: string[]) {
    super(faults.join('\n'));
  }
}

const EXTENSIONS = new Set(['.yaml', '.yml', '.json']);
const valid = new Ajv({ strictTypes: false }).compile(TenantDefinition);

/** Files as named; of a folder the YAML and JSON files inside, at any depth, hidden ones left out; `-` is standard input. */
async function filesOf(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    if (path === '-' || !(await stat(path)).isDirectory()) {
      files.push(path);
      continue;
    }
    const entries = await readdir(path, { withFileTypes: true, recursive: true });
    const inside = entries.filter(
      (e) => !e.isDirectory() && !e.name.startsWith('.') && EXTENSIONS.has(extname(e.name)),
    );
    files.push(
      ...inside
        .map((e) => join(e.parentPath, e.name))
        .filter((f) => !/[\\/]\./.test(f.slice(path.length)))
        .sort(),
    );
  }
  return files;
}

/**
 * The tenants that files want: one mapping a document, several documents a YAML file. The id is the field `tenant`, else the name of
 * the file.
 * @throws DocumentError with every fault of every file
 */
export async function readDocuments(paths: readonly string[]): Promise<WantedTenant[]> {
  const faults: string[] = [];
  const wanted = new Map<string, WantedTenant>();
  const files = await filesOf(paths).catch((error: Error) => {
    throw new DocumentError([error.message]);
  });
  for (const file of files) {
    const content = await (file === '-' ? text(process.stdin) : readFile(file, 'utf8')).catch((error: Error) => {
      faults.push(`${file}: ${error.message}`);
      return '';
    });
    for (const [i, document] of [...parseAllDocuments(content)].entries()) {
      const source = i === 0 ? file : `${file} (document ${i + 1})`;
      if (document.errors.length > 0) faults.push(`${source}: ${document.errors[0]?.message.split('\n')[0]}`);
      else if (document.toJS() !== null) {
        const read = wantedFrom(document.toJS(), source, nameOf(file));
        const other = typeof read === 'string' ? undefined : wanted.get(read.tenant);
        if (typeof read === 'string') faults.push(`${source}: ${read}`);
        else if (other) faults.push(`${source}: tenant ${read.tenant} is in ${other.source} already`);
        else wanted.set(read.tenant, read);
      }
    }
  }
  if (faults.length > 0) throw new DocumentError(faults);
  return [...wanted.values()];
}

const nameOf = (file: string) => (file === '-' ? '' : basename(file, extname(file)));

/** A tenant, or what is wrong. */
function wantedFrom(value: unknown, source: string, name: string): WantedTenant | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'a tenant is a mapping with classes';
  const { tenant = name, ...definition } = value as Record<string, unknown>;
  if (typeof tenant !== 'string' || !TENANT_ID.test(tenant)) {
    return `${JSON.stringify(tenant)} is no tenant id: lower-case letters, digits, dots, hyphens and underscores; name it by the field tenant`;
  }
  if (valid(definition)) return { tenant, definition: definition as TenantDefinition, source };
  const [error] = valid.errors ?? [];
  const extra = error?.params['additionalProperty'];
  return `${error?.instancePath.slice(1) ?? ''} ${error?.message}${extra === undefined ? '' : `: ${extra}`}`.trim();
}
