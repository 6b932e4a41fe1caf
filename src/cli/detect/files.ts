import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isImageName } from '../../images/names.ts';
import { walk } from '../../storage/walk.ts';

/** Expands folders to the images inside, at any depth and in a stable order; keeps files as given. */
export async function expandFiles(paths: string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    // a path that cannot be opened is kept; reading it reports the error
    const isFolder = await stat(path).then(
      (s) => s.isDirectory(),
      () => false,
    );
    if (!isFolder) {
      files.push(path);
      continue;
    }
    const inside: string[] = [];
    for await (const file of walk(path, { wanted: isImageName })) inside.push(join(path, file));
    files.push(...inside.sort());
  }
  return files;
}
