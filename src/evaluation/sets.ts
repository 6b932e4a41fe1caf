import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { isImageName } from '../images/names.ts';
import { list, walk } from '../storage/walk.ts';
import { EvaluationError } from './errors.ts';

/** One folder of images under test. */
export interface ImageSet {
  /** The folder's name. If several folders share it, the shortest part of the path that distinguishes them. */
  name: string;
  /** Real absolute path. */
  dir: string;
  /** Class folders of the ID set, in order; absent for OOD sets, whose folders have no meaning. */
  folders?: string[];
  /** Real paths of inner folders that belong to another set. */
  skip: ReadonlySet<string>;
}

/** One image to be judged. */
export interface ImageFile {
  set: ImageSet;
  /** Relative to the set's folder, with forward slashes. */
  path: string;
  /** Absolute. */
  file: string;
  bytes: number;
  mtimeMs: number;
}

async function folder(path: string): Promise<string> {
  try {
    const real = await realpath(path);
    if ((await stat(real)).isDirectory()) return real;
  } catch (cause) {
    throw new EvaluationError('set_unreadable', `The folder ${path} can't be read: ${(cause as Error).message}`, cause);
  }
  throw new EvaluationError('set_unreadable', `${path} is not a folder.`);
}

/** The last part of each path, extended to the left until the names differ. */
export function setNames(dirs: string[]): string[] {
  const parts = dirs.map((d) => d.split(sep).filter((p) => p !== ''));
  const name = (i: number, length: number) => (parts[i] as string[]).slice(-length).join('/') || '/';
  return dirs.map((_, i) => {
    let length = 1;
    const taken = () => dirs.some((_, j) => j !== i && name(j, length) === name(i, length));
    while (length < (parts[i] as string[]).length && taken()) length++;
    return name(i, length);
  });
}

const within = (inner: string, outer: string) =>
  inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);

/**
 * Opens the sets. The first is ID with one class per folder; the others are OOD. An OOD folder inside the ID folder is
 * none of its classes. An OOD folder inside another one is measured separately and not counted in the outer one.
 * @throws EvaluationError set_unreadable, sets_overlap, id_without_classes
 */
export async function openSets(id: string, ood: string[]): Promise<[ImageSet, ...ImageSet[]]> {
  const dirs = await Promise.all([id, ...ood].map(folder));
  const [inside, ...outside] = dirs as [string, ...string[]];
  for (const [i, dir] of outside.entries()) {
    if (within(inside, dir)) {
      throw new EvaluationError(
        'sets_overlap',
        `The ID folder ${inside} is inside the OOD folder ${dir}. It cannot be both.`,
      );
    }
    if (outside.indexOf(dir) !== i) throw new EvaluationError('sets_overlap', `The OOD folder ${dir} is given twice.`);
  }
  const names = setNames(dirs);
  const sets = dirs.map((dir, i): ImageSet => {
    const skip = new Set(dirs.filter((other) => other !== dir && within(other, dir)));
    return { name: names[i] as string, dir, skip };
  });
  const first = sets[0] as ImageSet;
  const folders: string[] = [];
  for (const entry of await list(inside, { wanted: isImageName })) {
    if (entry.kind === 'folder' && !first.skip.has(await realpath(join(inside, entry.name)))) folders.push(entry.name);
  }
  if (folders.length === 0) {
    throw new EvaluationError(
      'id_without_classes',
      `The ID folder ${inside} has no sub-folders. It needs one per class, named like the class, with that class's images.`,
    );
  }
  first.folders = folders;
  return sets as [ImageSet, ...ImageSet[]];
}

/** Paths of a set's images. In the ID set only class folders count, because an image outside them has no class. */
async function* paths(set: ImageSet): AsyncGenerator<string> {
  if (!set.folders) {
    yield* walk(set.dir, { wanted: isImageName, skip: set.skip });
    return;
  }
  for (const name of set.folders) yield* walk(set.dir, { wanted: isImageName, skip: set.skip }, `${name}/`);
}

/**
 * Number of images of each set, in their order.
 * @throws EvaluationError set_empty
 */
export async function countImages(sets: ImageSet[]): Promise<number[]> {
  const counts: number[] = [];
  for (const set of sets) {
    let count = 0;
    for await (const _ of paths(set)) count++;
    if (count === 0) {
      throw new EvaluationError(
        'set_empty',
        `There are no images in ${set.dir}${set.folders ? "'s class folders" : ''} (JPEG, PNG, WebP, GIF, AVIF or TIFF files).`,
      );
    }
    counts.push(count);
  }
  return counts;
}

/** Every image of every set in a stable order. A file that disappears during the walk is left out. */
export async function* imagesOf(sets: ImageSet[]): AsyncGenerator<ImageFile> {
  for (const set of sets) {
    for await (const path of paths(set)) {
      const file = join(set.dir, path);
      const stats = await stat(file).catch(() => undefined);
      if (stats) yield { set, path, file, bytes: stats.size, mtimeMs: stats.mtimeMs };
    }
  }
}

/** Index of the class folder of an ID image; null for OOD images. */
export function classOf({ set, path }: ImageFile): number | null {
  return set.folders ? set.folders.indexOf(path.slice(0, path.indexOf('/'))) : null;
}
