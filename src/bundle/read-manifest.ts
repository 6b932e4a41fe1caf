import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { validatorOf } from '../validator.ts';
import { BundleError } from './errors.ts';
import { Manifest } from './manifest.ts';
import { extraGraphs, offered } from './precision.ts';

const validate = validatorOf(Manifest, { allErrors: true });

/** Faults of a value that is not a manifest, each with its path. */
function schemaFaults(): string[] {
  return validate.errors.map((e) => {
    const extra = 'additionalProperty' in e.params ? ` "${e.params['additionalProperty']}"` : '';
    return `bundle.json${e.instancePath}: ${e.message}${extra}`;
  });
}

/** Graphs of extra precisions that the manifest names without listing their files. */
function unlistedGraphs(manifest: Manifest): string[] {
  return offered(manifest).flatMap((precision) =>
    Object.values(extraGraphs(manifest, precision))
      .filter((name) => !manifest.files[name])
      .map((name) => `bundle.json/precisions/${precision}: ${name} is missing in files`),
  );
}

function parsed(root: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new BundleError(root, [`bundle.json is not JSON: ${(error as Error).message}`]);
  }
}

/** Reads bundle.json of the folder `root`, and returns its bytes too, which identify the bundle. @throws BundleError with all faults */
export async function readManifest(root: string): Promise<{ manifest: Manifest; bytes: Buffer }> {
  const bytes = await readFile(join(root, 'bundle.json')).catch((error: Error) => {
    throw new BundleError(root, [`bundle.json can't be read: ${error.message}`]);
  });
  const value = parsed(root, bytes);
  if (!validate(value)) throw new BundleError(root, schemaFaults());
  const manifest = value as Manifest;
  const faults = unlistedGraphs(manifest);
  if (faults.length > 0) throw new BundleError(root, faults);
  return { manifest, bytes };
}
