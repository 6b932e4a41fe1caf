import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { BundleError } from '../../bundle/errors.ts';
import { FILES } from '../../bundle/file-names.ts';
import { loadBundle } from '../../bundle/load.ts';
import type { Manifest } from '../../bundle/manifest.ts';
import { defined } from '../../defined.ts';

/** A folder that is a bundle or contains files of one. */
export interface FoundBundle {
  name: string;
  dir: string;
  /** Undefined if bundle.json is unreadable; for an invalid manifest, its readable fields. */
  manifest?: Manifest;
  /** Size of all existing files of the bundle, bytes. */
  bytes: number;
  /** Faults of manifest, sizes and checksums; empty for a valid bundle. */
  faults: string[];
}

async function bytesIn(dir: string): Promise<number> {
  const sizes = await Promise.all(
    (await readdir(dir).catch(() => [])).map((name) =>
      stat(join(dir, name)).then(
        (s) => (s.isFile() ? s.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((a, b) => a + b, 0);
}

/** Reads name, version and other fields of an invalid manifest for display, as far as they exist. */
async function manifestForDisplay(dir: string): Promise<Manifest | undefined> {
  try {
    const value = JSON.parse(await readFile(join(dir, 'bundle.json'), 'utf8'));
    return typeof value?.name === 'string' && typeof value?.version === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Checks one folder: manifest, sizes, checksums. Faults are returned, not thrown. */
export async function inspect(dir: string): Promise<FoundBundle> {
  const root = resolve(dir);
  const bytes = await bytesIn(root);
  try {
    const { manifest } = await loadBundle(root, { checksums: true });
    return { name: manifest.name, dir: root, manifest, bytes, faults: [] };
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    const manifest = await manifestForDisplay(root);
    const faults = [...error.faults];
    return { name: manifest?.name ?? basename(root), dir: root, ...defined({ manifest }), bytes, faults };
  }
}

/** Folders under `models` that contain any file of a bundle, and `configured`, the bundle of the configuration; by path. */
export async function bundleFolders(models: string, configured: string): Promise<string[]> {
  const entries = await readdir(models, { withFileTypes: true }).catch(() => []);
  const found = new Set<string>();
  for (const entry of entries) {
    const dir = join(models, entry.name);
    const files: string[] = await readdir(dir).catch(() => []);
    if (['bundle.json', ...FILES].some((f) => files.includes(f))) found.add(await realpath(dir));
  }
  found.add(await realpath(configured).catch(() => resolve(configured)));
  return [...found].sort();
}
