import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { UserError } from '../../errors/user-error.ts';
import { bytesOfPath } from '../../storage/path-text.ts';
import { inFolder, walk } from '../../storage/walk.ts';
import type { TenantDefinition } from '../../tenants/definition.ts';
import { parseTenants, TENANT_FILE } from '../../tenants/files/parse.ts';
import { pathArguments } from '../path-arguments.ts';

/** A tenant as a file defines it. */
export interface WantedTenant {
  tenant: string;
  definition: TenantDefinition;
  /** Name of its file, for messages. */
  source: string;
}

/** Faults of tenant files: invalid form, or two definitions of one tenant. */
export class DocumentError extends UserError {
  override readonly name = 'DocumentError';

  constructor(faults: string[]) {
    super(faults.join('\n'));
  }

  override get exitCode(): 1 | 2 {
    return 2;
  }
}

const STDIN = '-';

/** The files to read: named ones; YAML and JSON files of a folder, at any depth, without hidden ones; `-` is standard input. */
async function filesOf(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    if (path === STDIN || !(await stat(bytesOfPath(path))).isDirectory()) {
      files.push(path);
      continue;
    }
    const inside: string[] = [];
    for await (const file of walk(path, { wanted: (name) => TENANT_FILE.test(name), brokenLinks: true })) {
      inside.push(inFolder(path, file));
    }
    files.push(...inside.sort());
  }
  return files;
}

const read = (file: string) => (file === STDIN ? buffer(process.stdin) : readFile(bytesOfPath(file)));

/**
 * The tenants of the files, parsed like those of a watched directory; see `parseTenants`.
 * @throws DocumentError with every fault of every file
 */
export async function readDocuments(paths: readonly string[]): Promise<WantedTenant[]> {
  const faults: string[] = [];
  const wanted = new Map<string, WantedTenant>();
  const files = await filesOf(pathArguments(paths)).catch((error: Error) => {
    throw new DocumentError([error.message]);
  });
  for (const file of files) {
    try {
      const parsed = parseTenants(file === STDIN ? '' : basename(file), await read(file));
      faults.push(...parsed.faults.map((fault) => `${file}: ${fault}`));
      for (const { id: tenant, definition } of parsed.tenants) {
        const other = wanted.get(tenant);
        if (other) faults.push(`${file}: tenant ${tenant} is in ${other.source} already`);
        else wanted.set(tenant, { tenant, definition, source: file });
      }
    } catch (error) {
      faults.push(`${file}: ${(error as Error).message}`);
    }
  }
  if (faults.length > 0) throw new DocumentError(faults);
  return [...wanted.values()];
}
