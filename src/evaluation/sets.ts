import { realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { printable } from '../errors/printable.ts';
import { bytesOfPath, textOfPath } from '../storage/path-text.ts';
import { inFolder } from '../storage/walk.ts';
import { EvaluationError } from './errors.ts';
import { foldersIn, walkImages } from './image-files.ts';
import type { ListedImage } from './image-list.ts';
import { LeftOutFiles } from './left-out.ts';

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
  /** The set's images, if a list names them; their labels are indices of classes in the ID set. Otherwise the folder is walked. */
  list?: readonly ListedImage[];
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
  /** Index of its class where a list names it; otherwise the folder does. */
  label?: number;
}

const realPath = async (path: string) => textOfPath(await realpath(bytesOfPath(path), { encoding: 'buffer' }));

/** The real path of a folder. @throws EvaluationError set_unreadable */
export async function realFolder(path: string): Promise<string> {
  const shown = printable(path);
  try {
    const real = await realPath(path);
    if ((await stat(bytesOfPath(real))).isDirectory()) return real;
  } catch (cause) {
    const why = printable((cause as Error).message);
    throw new EvaluationError('set_unreadable', `The folder ${shown} can't be read: ${why}`, cause);
  }
  throw new EvaluationError('set_unreadable', `${shown} is not a folder.`);
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

export const within = (inner: string, outer: string) =>
  inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);

/**
 * Opens the sets. The first is ID with one class per folder; the others are OOD. An OOD folder inside the ID folder is
 * none of its classes. An OOD folder inside another one is measured separately and not counted in the outer one.
 * @throws EvaluationError set_unreadable, sets_overlap, id_without_classes
 */
export async function openSets(
  id: string,
  ood: string[],
  options: ClassFolderOptions = {},
): Promise<[ImageSet, ...ImageSet[]]> {
  const dirs = await Promise.all([id, ...ood].map(realFolder));
  const [inside, ...outside] = dirs as [string, ...string[]];
  for (const [i, dir] of outside.entries()) {
    if (within(inside, dir)) {
      throw new EvaluationError(
        'sets_overlap',
        `The ID folder ${printable(inside)} is inside the OOD folder ${printable(dir)}. It cannot be both.`,
      );
    }
    if (outside.indexOf(dir) !== i)
      throw new EvaluationError('sets_overlap', `The OOD folder ${printable(dir)} is given twice.`);
  }
  const names = setNames(dirs);
  const sets = dirs.map((dir, i): ImageSet => {
    const skip = new Set(dirs.filter((other) => other !== dir && within(other, dir)));
    return { name: names[i] as string, dir, skip };
  }) as [ImageSet, ...ImageSet[]];
  sets[0].folders = await classFolders(sets[0], options);
  return sets;
}

export interface ClassFolderOptions {
  /** Whether folders without images are classes nevertheless, because the user lists the classes. */
  empty?: boolean;
  /** Receives what is no class folder. */
  leftOut?: LeftOutFiles;
}

/**
 * Class folders of the ID set, in order. A folder without any image, and a folder that an operating system made, is no class.
 * @throws EvaluationError set_unreadable, id_without_classes
 */
export async function classFolders(set: ImageSet, { empty = false, leftOut }: ClassFolderOptions): Promise<string[]> {
  const folders: string[] = [];
  const inside = await foldersIn(set.dir, leftOut && { leftOut }).catch((cause: Error) => {
    const why = printable(cause.message);
    throw new EvaluationError('set_unreadable', `The folder ${printable(set.dir)} can't be read: ${why}`, cause);
  });
  for (const name of inside) {
    if (set.skip.has(await realPath(inFolder(set.dir, name)))) continue;
    if (empty || (await hasImage(set, name, leftOut))) folders.push(name);
  }
  if (folders.length === 0) {
    throw new EvaluationError(
      'id_without_classes',
      `The ID folder ${printable(set.dir)} has no sub-folders with images. It needs one per class, named like the class, with that class's images.`,
    );
  }
  return folders;
}

/** Whether a class folder has an image. The reason why it has none is reported. */
async function hasImage(set: ImageSet, folder: string, leftOut?: LeftOutFiles): Promise<boolean> {
  const found = new LeftOutFiles();
  for await (const _ of walkImages(set.dir, { skip: set.skip, leftOut: found }, `${folder}/`)) return true;
  for (const { path, message } of found.unreadable) leftOut?.add(path, 'unreadable', new Error(message));
  if (found.unreadable.length === 0) leftOut?.add(folder, 'class_without_images');
  return false;
}

/** Paths of a set's images. In the ID set only class folders count, because an image outside them has no class. */
async function* paths(set: ImageSet, leftOut?: LeftOutFiles): AsyncGenerator<string> {
  const walking = { skip: set.skip, ...(leftOut && { leftOut }) };
  if (!set.folders) {
    yield* walkImages(set.dir, walking);
    return;
  }
  for (const name of set.folders) yield* walkImages(set.dir, walking, `${name}/`);
}

/**
 * Number of images of each set, in their order.
 * @param leftOut receives the files and folders that are not counted
 * @throws EvaluationError set_empty
 */
export async function countImages(sets: ImageSet[], leftOut?: LeftOutFiles): Promise<number[]> {
  const counts: number[] = [];
  for (const set of sets) {
    let count = 0;
    if (set.list) count = await countListed(set.dir, set.list, leftOut);
    else for await (const _ of paths(set, leftOut)) count++;
    if (count === 0) {
      const where = `${printable(set.dir)}${set.list ? ' that its list names' : set.folders ? "'s class folders" : ''}`;
      throw new EvaluationError(
        'set_empty',
        `There are no images in ${where} (JPEG, PNG, WebP, GIF, AVIF or TIFF files).`,
      );
    }
    counts.push(count);
  }
  return counts;
}

/** Number of listed images that are there; the others are left out. */
async function countListed(dir: string, list: readonly ListedImage[], leftOut?: LeftOutFiles): Promise<number> {
  let count = 0;
  for (const { path } of list) {
    if (await stat(bytesOfPath(inFolder(dir, path))).catch(() => undefined)) count++;
    else leftOut?.add(path, 'listed_but_missing');
  }
  return count;
}

/** Every image of every set in a stable order. A file that disappears during the walk is left out. */
export async function* imagesOf(sets: ImageSet[]): AsyncGenerator<ImageFile> {
  for (const set of sets) {
    for await (const { path, label } of set.list ?? withoutLabels(paths(set))) {
      const file = inFolder(set.dir, path);
      const stats = await stat(bytesOfPath(file)).catch(() => undefined);
      if (!stats) continue;
      yield { set, path, file, bytes: stats.size, mtimeMs: stats.mtimeMs, ...(label !== undefined && { label }) };
    }
  }
}

async function* withoutLabels(from: AsyncGenerator<string>): AsyncGenerator<{ path: string; label?: number }> {
  for await (const path of from) yield { path };
}

/** Index of the class of an ID image, by its list or its folder; null for OOD images. */
export function classOf({ set, path, label }: ImageFile): number | null {
  if (!set.folders) return null;
  return label ?? set.folders.indexOf(path.slice(0, path.indexOf('/')));
}
