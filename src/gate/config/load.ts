import { readFile } from 'node:fs/promises';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { UserError } from '../../errors/user-error.ts';
import { TENANT_ID } from '../../tenants/definition.ts';
import { pieceNames } from './path-pattern.ts';
import { GateFile, type RouteConfig } from './schema.ts';
import { type GateSettings, settingsOf } from './settings.ts';

/** All faults of the gate's file, each with its place. */
export class GateFileError extends UserError {
  override readonly name = 'GateFileError';
  readonly faults: readonly string[];

  constructor(path: string, faults: string[]) {
    super(`The gate's file ${path} is not valid:\n${faults.map((f) => `  - ${f}`).join('\n')}`);
    this.faults = faults;
  }

  override get exitCode(): 1 | 2 {
    return 2;
  }
}

/** Faults that the schema cannot express: contradicting settings. */
function contradictions(file: GateFile): string[] {
  const faults: string[] = [];
  const names = new Set<string>();
  for (const [i, config] of file.routes.entries()) {
    const at = `/routes/${i}`;
    const r: RouteConfig = { ...file.defaults, ...config };
    const name = r.name ?? r.match.path;
    if (names.has(name)) faults.push(`${at} has the name ${JSON.stringify(name)} of an earlier route`);
    names.add(name);
    if (r.adapter === 'json' && !r.pointers) faults.push(`${at}: the adapter json needs pointers`);
    if (r.batch === 'filter' && r.parallel) {
      faults.push(`${at}: batch filter changes what is forwarded and can't be parallel`);
    }
    if (r.fallback !== undefined && r.parallel) faults.push(`${at}: a fallback can't be parallel`);
    if (r.batch === 'filter' && r.adapter === 'json' && !r.answer_pointer) {
      faults.push(`${at}: batch filter with the adapter json needs answer_pointer`);
    }
    faults.push(...tenantFaults(at, r));
  }
  return faults;
}

function tenantFaults(at: string, { tenant, match }: RouteConfig): string[] {
  const fixed = typeof tenant === 'string' ? tenant : tenant?.default;
  if (fixed === undefined) return [];
  const pieces = typeof tenant === 'string' ? pieceNames(tenant) : [];
  const unknown = pieces.filter((piece) => !pieceNames(match.path).includes(piece));
  if (unknown.length > 0) return [`${at}: the tenant takes {${unknown[0]}}, which is not in the path`];
  return pieces.length > 0 || TENANT_ID.test(fixed) ? [] : [`${at}: ${JSON.stringify(fixed)} can't be a tenant's id`];
}

/** The expected form of a text in words, in place of its regular expression. */
function formOf(schemaPath: string): string {
  const steps = schemaPath.split('/').filter((step) => step !== '#' && step !== '' && step !== 'pattern');
  const schema = steps.reduce<unknown>(
    (inner, step) => (inner as Record<string, unknown> | undefined)?.[step],
    GateFile,
  );
  const { description } = (schema ?? {}) as { description?: string };
  return `does not have the expected form${description ? ` (${description})` : ''}`;
}

/** @throws GateFileError */
export function parseGateFile(text: string, path: string): GateSettings {
  let value: unknown;
  try {
    // YAML includes JSON
    value = parse(text);
  } catch (error) {
    throw new GateFileError(path, [`it is neither YAML nor JSON: ${(error as Error).message}`]);
  }
  if (!Value.Check(GateFile, value)) {
    const faults = [...Value.Errors(GateFile, value)].map((e) => {
      const allowed = (e.params as { allowedValues?: unknown[]; additionalProperties?: string[] }) ?? {};
      const more = allowed.allowedValues ?? allowed.additionalProperties;
      const message = e.keyword === 'pattern' ? formOf(e.schemaPath) : e.message;
      return `${e.instancePath || '/'} ${message}${more ? `: ${more.join(', ')}` : ''}`;
    });
    throw new GateFileError(path, [...new Set(faults)]);
  }
  const faults = contradictions(value);
  if (faults.length > 0) throw new GateFileError(path, faults);
  return settingsOf(value);
}

/** @throws GateFileError, also if the file cannot be read */
export async function loadGateFile(path: string): Promise<{ settings: GateSettings; text: string }> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new GateFileError(path, [`it can't be read: ${(error as Error).message}`]);
  }
  return { settings: parseGateFile(text, path), text };
}
