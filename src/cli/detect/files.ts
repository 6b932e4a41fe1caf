import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isImageName } from '../../evaluation/index.ts';

/** Files as given; of folders every image inside, at any depth, in a stable order. */
export async function expandFiles(paths: string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    // what can't be looked at is reported when it is read, beside the others
    const isFolder = await stat(path).then(
      (s) => s.isDirectory(),
      () => false,
    );
    if (!isFolder) {
      files.push(path);
      continue;
    }
    const entries = await readdir(path, { withFileTypes: true, recursive: true });
    const inside = entries.filter((e) => e.isFile() && isImageName(e.name));
    files.push(...inside.map((e) => join(e.parentPath, e.name)).sort());
  }
  return files;
}
