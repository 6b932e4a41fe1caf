import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { validatorOf } from '../validator.ts';
import { changed, sha256 } from './checksums.ts';
import { BundleError } from './errors.ts';
import { FILES, SHARED_WEIGHTS } from './file-names.ts';
import { Manifest, type Part, type Precision } from './manifest.ts';
import { extraGraphs, extraOf, offered } from './precision.ts';

export interface Bundle {
  dir: string;
  /** name@version+first 12 hex digits of the manifest's sha256: features made with one bundle never serve another. */
  id: string;
  /** Key of text features: `id`, and the precision if it has text graphs of its own. */
  textId: string;
  manifest: Manifest;
  /** The precision whose graphs `files` names. */
  precision: Precision;
  /** Largest accepted difference in the golden check of an extra precision's graphs. The golden file has that of the base graphs. */
  tolerance: { image?: number | undefined; text?: number | undefined };
  /** Absolute paths. */
  files: { image: string; textYes: string; textNo: string; tokenizer: string; golden: string; weights?: string };
}

const validate = validatorOf(Manifest, { allErrors: true });

/** The manifest's faults, each with its path. */
function faultsOf(value: unknown): string[] {
  if (validate(value)) return [];
  return validate.errors.map((e) => {
    const extra = 'additionalProperty' in e.params ? ` "${e.params['additionalProperty']}"` : '';
    return `bundle.json${e.instancePath}: ${e.message}${extra}`;
  });
}

/**
 * The same bundle with the graphs of another precision.
 * @throws BundleError if it lacks that precision; the error lists the available ones
 */
export function withPrecision(bundle: Bundle, precision: Precision): Bundle {
  const { manifest, dir, id } = bundle;
  if (!offered(manifest).includes(precision)) {
    throw new BundleError(dir, [`it has no ${precision} graphs; it has ${offered(manifest).join(', ')}`]);
  }
  const own = extraGraphs(manifest, precision);
  const path = (part: Part) => join(dir, own[part] ?? `${part}.onnx`);
  const texts = own['text-yes'] !== undefined || own['text-no'] !== undefined;
  const tolerance = extraOf(manifest, precision)?.tolerance;
  return {
    ...bundle,
    precision,
    textId: texts ? `${id}-${precision}` : id,
    tolerance: { image: own.image && tolerance, text: texts ? tolerance : undefined },
    files: { ...bundle.files, image: path('image'), textYes: path('text-yes'), textNo: path('text-no') },
  };
}

/**
 * Opens the bundle in `dir`. The manifest must be valid, and every file must have the size and, by default, the checksum that the
 * manifest gives. With a `precision`, its graphs are used and only the files that it needs are checked. All faults are
 * reported at once.
 * @throws BundleError
 */
export async function loadBundle(
  dir: string,
  options: { checksums?: boolean; precision?: Precision } = {},
): Promise<Bundle> {
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

  for (const precision of offered(valid)) {
    for (const name of Object.values(extraGraphs(valid, precision))) {
      if (!valid.files[name]) faults.push(`bundle.json/precisions/${precision}: ${name} is missing in files`);
    }
  }
  if (faults.length > 0) throw new BundleError(root, faults);

  const { precision } = options;
  const needed = new Set<string>(
    precision ? [...FILES, SHARED_WEIGHTS, ...Object.values(extraGraphs(valid, precision))] : Object.keys(valid.files),
  );
  // the names come from the schema and not from the manifest, so that a manifest cannot name a file outside the folder
  const checked = Object.entries(valid.files).filter(([name]) => needed.has(name));
  const ofSize: typeof checked = [];
  await Promise.all(
    checked.map(async ([name, entry]) => {
      const size = await stat(join(root, name)).then(
        (s) => s.size,
        () => undefined,
      );
      if (size === undefined) faults.push(`${name} is missing`);
      else if (size !== entry.bytes) faults.push(`${name} has ${size} bytes, the manifest says ${entry.bytes}`);
      else ofSize.push([name, entry]);
    }),
  );
  // all faults are reported together, so a bundle with one is checked in full
  if (options.checksums !== false || faults.length > 0) {
    for (const [name, entry] of ofSize)
      if ((await sha256(join(root, name))) !== entry.sha256) faults.push(changed(name));
  }
  if (faults.length > 0) throw new BundleError(root, faults.sort());
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  const id = `${valid.name}@${valid.version}+${digest}`;
  const base: Bundle = {
    dir: root,
    id,
    textId: id,
    manifest: valid,
    precision: valid.precision,
    tolerance: {},
    files: {
      image: join(root, 'image.onnx'),
      textYes: join(root, 'text-yes.onnx'),
      textNo: join(root, 'text-no.onnx'),
      tokenizer: join(root, 'tokenizer.json'),
      golden: join(root, 'golden.json'),
      ...(valid.files[SHARED_WEIGHTS] ? { weights: join(root, SHARED_WEIGHTS) } : {}),
    },
  };
  return precision ? withPrecision(base, precision) : base;
}
