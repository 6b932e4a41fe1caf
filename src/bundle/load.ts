import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { BundleError } from './errors.ts';
import { fileFaults } from './file-faults.ts';
import { FILES, SHARED_WEIGHTS } from './file-names.ts';
import type { GraphPart, Manifest, Precision } from './manifest.ts';
import { extraGraphs, extraOf, offered } from './precision.ts';
import { readManifest } from './read-manifest.ts';

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
  const path = (part: GraphPart) => join(dir, own[part] ?? `${part}.onnx`);
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

/** The bundle in its base precision. */
function baseOf(root: string, manifest: Manifest, bytes: Buffer): Bundle {
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  const id = `${manifest.name}@${manifest.version}+${digest}`;
  return {
    dir: root,
    id,
    textId: id,
    manifest,
    precision: manifest.precision,
    tolerance: {},
    files: {
      image: join(root, 'image.onnx'),
      textYes: join(root, 'text-yes.onnx'),
      textNo: join(root, 'text-no.onnx'),
      tokenizer: join(root, 'tokenizer.json'),
      golden: join(root, 'golden.json'),
      ...(manifest.files[SHARED_WEIGHTS] ? { weights: join(root, SHARED_WEIGHTS) } : {}),
    },
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
  const { precision, checksums = true } = options;
  const { manifest, bytes } = await readManifest(root);
  const needed = precision
    ? [...FILES, SHARED_WEIGHTS, ...Object.values(extraGraphs(manifest, precision))]
    : Object.keys(manifest.files);
  const faults = await fileFaults(root, manifest, { needed: new Set(needed), checksums });
  if (faults.length > 0) throw new BundleError(root, faults);
  const base = baseOf(root, manifest, bytes);
  return precision ? withPrecision(base, precision) : base;
}
