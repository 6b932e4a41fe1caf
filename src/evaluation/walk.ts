import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';

const ENDINGS = new Set(['.jpg', '.jpeg', '.png', '.webp', '.gif', '.avif', '.tif', '.tiff']);

/** Whether a file's name is that of an image. The decoder decides whether it is one. */
export const isImageName = (name: string): boolean => ENDINGS.has(extname(name).toLowerCase());

interface Entry {
  name: string;
  kind: 'folder' | 'image' | 'other';
}

/**
 * Entries of a folder by name in code unit order, with links resolved. Names that begin with a dot are left out, and so are broken
 * links.
 */
export async function list(dir: string): Promise<Entry[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  const visible = entries.filter((e) => !e.name.startsWith('.'));
  const found = await Promise.all(
    visible.map(async (e): Promise<Entry> => {
      const is = e.isSymbolicLink() ? await stat(join(dir, e.name)).catch(() => undefined) : e;
      if (is?.isDirectory()) return { name: e.name, kind: 'folder' };
      const image = is?.isFile() && isImageName(e.name);
      return { name: e.name, kind: image ? 'image' : 'other' };
    }),
  );
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Image files under `root` at any depth, as paths relative to it with forward slashes: those of a folder first, then its
 * folders in order. One folder is in memory at a time, so that the size of a set is not limited.
 * @param skip real paths of folders to leave out
 */
export async function* walk(
  root: string,
  skip: ReadonlySet<string> = new Set(),
  inside = '',
  above: string[] = [],
): AsyncGenerator<string> {
  const here = await realpath(join(root, inside));
  // following a link to a parent folder would never end
  if (skip.has(here) || above.includes(here)) return;
  const entries = await list(here);
  for (const e of entries) if (e.kind === 'image') yield `${inside}${e.name}`;
  for (const e of entries) {
    if (e.kind === 'folder') yield* walk(root, skip, `${inside}${e.name}/`, [...above, here]);
  }
}
