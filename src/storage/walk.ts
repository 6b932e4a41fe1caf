import type { Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { bytesOfPath, textOfPath } from './path-text.ts';

/** Reason why an entry of a folder is left out. */
export type LeftOut =
  | 'hidden'
  | 'system'
  | 'unwanted'
  | 'not_a_file'
  | 'broken_link'
  | 'link_to_folder_above'
  | 'folder_seen_before'
  | 'unreadable';

export interface WalkOptions {
  /** Whether a file is wanted, by its name without a folder, or by its content at `path`. */
  wanted(name: string, path: string): boolean | Promise<boolean>;
  /** Real paths of folders that are left out. */
  skip?: ReadonlySet<string>;
  /** Whether a file or folder belongs to the operating system, by its name. */
  isSystem?(name: string): boolean;
  /** Most levels of folders below the first; unlimited if undefined. */
  maxDepth?: number;
  /** Whether broken links count as files, so that their reader reports them. */
  brokenLinks?: boolean;
  /**
   * Receives what is left out, by its path relative to the root, except for `skip` and `maxDepth`. With it a folder that cannot be read
   * is left out with its `cause`; without it that is an error.
   */
  onLeftOut?(path: string, reason: LeftOut, cause?: Error): void;
}

interface FolderEntry {
  name: string;
  kind: 'folder' | 'file';
}

/** A path inside a folder, not normalised: `link/..` is not always the folder of the link. */
export const inFolder = (folder: string, name: string) => (folder.endsWith('/') ? folder + name : `${folder}/${name}`);

/** Folders and wanted files of one folder, by name in code unit order, links resolved. @param inside path of the folder for `onLeftOut` */
export async function list(dir: string, options: WalkOptions, inside = ''): Promise<FolderEntry[]> {
  const entries = await readdir(bytesOfPath(dir), { withFileTypes: true, encoding: 'buffer' });
  const kept: FolderEntry[] = [];
  const named = entries.map((entry) => ({ entry, name: textOfPath(entry.name) }));
  named.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { entry, name } of named) {
    const kind = await kindOf(entry, name, { dir, inside, options });
    if (kind) kept.push({ name, kind });
  }
  return kept;
}

interface Place {
  dir: string;
  inside: string;
  options: WalkOptions;
}

type Kind = Pick<Stats, 'isDirectory' | 'isFile' | 'isSymbolicLink'>;

async function kindOf(
  entry: Kind,
  name: string,
  { dir, inside, options }: Place,
): Promise<FolderEntry['kind'] | undefined> {
  const leave = (reason: LeftOut, cause?: Error): undefined => {
    options.onLeftOut?.(inside + name, reason, cause);
  };
  if (name.startsWith('.')) return leave('hidden');
  if (options.isSystem?.(name)) return leave('system');
  const path = inFolder(dir, name);
  const is = entry.isSymbolicLink() ? await stat(bytesOfPath(path)).catch(() => undefined) : entry;
  if (is?.isDirectory()) return 'folder';
  if (is === undefined && !options.brokenLinks) return leave('broken_link');
  if (is && !is.isFile()) return leave('not_a_file');
  try {
    return (await options.wanted(name, path)) ? 'file' : leave('unwanted');
  } catch (error) {
    if (!options.onLeftOut) throw error;
    return leave('unreadable', error as Error);
  }
}

/**
 * The wanted files under `root` at any depth, as paths relative to it with forward slashes (see path-text.ts for names that are
 * not UTF-8): those of a folder first, then its folders in order. Links are followed; a folder is walked once, whatever number of
 * links lead to it. One folder is in memory at a time, so the size of the tree is not limited.
 * @param inside where to begin, relative to `root`, ending in a slash
 */
export async function* walk(root: string, options: WalkOptions, inside = ''): AsyncGenerator<string> {
  const above = inside === '' ? [] : [await realPath(root)];
  yield* descend({ root, options, inside, depth: 0, above, seen: new Set() });
}

interface Descent {
  root: string;
  options: WalkOptions;
  inside: string;
  depth: number;
  /** Real paths of the folders above. */
  above: string[];
  /** Real paths of all folders so far. */
  seen: Set<string>;
}

const realPath = async (path: string) => textOfPath(await realpath(bytesOfPath(path), { encoding: 'buffer' }));

async function* descend(descent: Descent): AsyncGenerator<string> {
  const { root, options, inside, depth, above, seen } = descent;
  const leave = (reason: LeftOut, cause?: Error) => options.onLeftOut?.(inside.slice(0, -1), reason, cause);
  let here: string;
  let entries: FolderEntry[];
  try {
    here = await realPath(inside === '' ? root : inFolder(root, inside));
    if (options.skip?.has(here)) return;
    // following a link back to a folder above would never end; two links to each of many folders would take almost as long
    if (above.includes(here)) return void leave('link_to_folder_above');
    if (seen.has(here)) return void leave('folder_seen_before');
    seen.add(here);
    entries = await list(here, options, inside);
  } catch (error) {
    if (!options.onLeftOut) throw error;
    return void leave('unreadable', error as Error);
  }
  for (const e of entries) if (e.kind === 'file') yield `${inside}${e.name}`;
  if (depth >= (options.maxDepth ?? Number.POSITIVE_INFINITY)) return;
  for (const e of entries) {
    if (e.kind !== 'folder') continue;
    yield* descend({ ...descent, inside: `${inside}${e.name}/`, depth: depth + 1, above: [...above, here] });
  }
}
