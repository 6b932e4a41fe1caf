import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface WalkOptions {
  /** Whether a file is wanted, by its name without a folder. */
  wanted(name: string): boolean;
  /** Real paths of folders that are left out. */
  skip?: ReadonlySet<string>;
  /** Most levels of folders below the first; unlimited if undefined. */
  maxDepth?: number;
  /** Whether broken links count as files, so that their reader reports them. */
  brokenLinks?: boolean;
}

export interface FolderEntry {
  name: string;
  kind: 'folder' | 'file' | 'other';
}

/** The content of one folder, by name in code unit order, links resolved. Names that begin with a dot are left out. */
export async function list(
  dir: string,
  { wanted, brokenLinks = false }: Pick<WalkOptions, 'wanted' | 'brokenLinks'>,
): Promise<FolderEntry[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  const visible = entries.filter((e) => !e.name.startsWith('.'));
  const found = await Promise.all(
    visible.map(async (e): Promise<FolderEntry> => {
      const is = e.isSymbolicLink() ? await stat(join(dir, e.name)).catch(() => undefined) : e;
      if (is?.isDirectory()) return { name: e.name, kind: 'folder' };
      const file = is === undefined ? brokenLinks : is.isFile();
      return { name: e.name, kind: file && wanted(e.name) ? 'file' : 'other' };
    }),
  );
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The wanted files under `root` at any depth, as paths relative to it with forward slashes: those of a folder first, then its
 * folders in order. Links are followed, except for links back to a folder above. One folder is in memory at a time, so the size
 * of the tree is not limited.
 * @param inside where to begin, relative to `root`, ending in a slash
 */
export function walk(root: string, options: WalkOptions, inside = ''): AsyncGenerator<string> {
  return descend({ root, options, inside, above: [] });
}

interface Descent {
  root: string;
  options: WalkOptions;
  inside: string;
  /** Real paths of the folders above. */
  above: string[];
}

async function* descend({ root, options, inside, above }: Descent): AsyncGenerator<string> {
  const here = await realpath(join(root, inside));
  // following a link back to a folder above would never end
  if (options.skip?.has(here) || above.includes(here)) return;
  const entries = await list(here, options);
  for (const e of entries) if (e.kind === 'file') yield `${inside}${e.name}`;
  if (above.length >= (options.maxDepth ?? Number.POSITIVE_INFINITY)) return;
  for (const e of entries) {
    if (e.kind === 'folder') yield* descend({ root, options, inside: `${inside}${e.name}/`, above: [...above, here] });
  }
}
