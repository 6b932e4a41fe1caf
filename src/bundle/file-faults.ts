import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { changed, sha256 } from './checksums.ts';
import type { Manifest } from './manifest.ts';

/**
 * Compares the files of a bundle with its manifest: their sizes, and with `checksums` their contents.
 * @param needed names of the files to compare; the others may be missing
 * @returns all faults, sorted
 */
export async function fileFaults(
  root: string,
  { files }: Manifest,
  { needed, checksums }: { needed: ReadonlySet<string>; checksums: boolean },
): Promise<string[]> {
  // the names come from the schema and not from the manifest, so that a manifest cannot name a file outside the folder
  const checked = Object.entries(files).filter(([name]) => needed.has(name));
  const faults: string[] = [];
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
  if (checksums || faults.length > 0) {
    for (const [name, entry] of ofSize)
      if ((await sha256(join(root, name))) !== entry.sha256) faults.push(changed(name));
  }
  return faults.sort();
}
