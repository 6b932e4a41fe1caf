import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isImageName } from '../../images/names.ts';
import { walk } from '../../storage/walk.ts';

/** Files as given; of folders every image inside, at any depth, in a stable order. */
export async function expandFiles(paths: string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    // a path that can't be opened is reported when it is read, beside the others
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
