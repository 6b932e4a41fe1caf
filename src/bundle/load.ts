import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Ajv } from 'ajv';
import { BundleError } from './errors.ts';
import { FILES, Manifest } from './manifest.ts';

export interface Bundle {
  dir: string;
  /** name@version+first 12 hex digits of the manifest's sha256: features made with one bundle never serve another. */
  id: string;
  manifest: Manifest;
  /** Absolute paths. */
  files: { image: string; textYes: string; textNo: string; tokenizer: string; golden: string };
}

const validate = new Ajv({ allErrors: true }).compile(Manifest);

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** The manifest's faults, each with its place in it. */
function faultsOf(value: unknown): string[] {
  if (validate(value)) return [];
  return (validate.errors ?? []).map((e) => {
    const extra = 'additionalProperty' in e.params ? ` "${e.params['additionalProperty']}"` : '';
    return `bundle.json${e.instancePath}: ${e.message}${extra}`;
  });
}

/**
 * Opens the bundle in `dir`: manifest valid, every file there with the size and, unless told otherwise, the checksum that the
 * manifest gives. All faults are reported at once.
 * @throws BundleError
 */
export async function loadBundle(dir: string, options: { checksums?: boolean } = {}): Promise<Bundle> {
  const root = resolve(dir);
  let bytes: Buffer;
  try {
    bytes = await readFile(join(root, 'bundle.json'));
  } catch (error) {
    throw new BundleError(root, [`bundle.json can't be read: ${(error as Error).message}`]);
  }
  let manifest: unknown;
  try {
    manifest = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new BundleError(root, [`bundle.json is not JSON: ${(error as Error).message}`]);
  }
  const faults = faultsOf(manifest);
  if (faults.length > 0) throw new BundleError(root, faults);
  const valid = manifest as Manifest;

  // the names come from the schema, never from the manifest: nothing outside the folder can be named
  await Promise.all(
    FILES.map(async (name) => {
      const entry = valid.files[name];
      const path = join(root, name);
      const size = await stat(path).then(
        (s) => s.size,
        () => undefined,
      );
      if (size === undefined) faults.push(`${name} is missing`);
      else if (size !== entry.bytes) faults.push(`${name} has ${size} bytes, the manifest says ${entry.bytes}`);
      else if (options.checksums !== false && (await sha256(path)) !== entry.sha256) {
        faults.push(`${name} is not the file the manifest describes: its sha256 differs`);
      }
    }),
  );
  if (faults.length > 0) throw new BundleError(root, faults.sort());
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  return {
    dir: root,
    id: `${valid.name}@${valid.version}+${digest}`,
    manifest: valid,
    files: {
      image: join(root, 'image.onnx'),
      textYes: join(root, 'text-yes.onnx'),
      textNo: join(root, 'text-no.onnx'),
      tokenizer: join(root, 'tokenizer.json'),
      golden: join(root, 'golden.json'),
    },
  };
}
