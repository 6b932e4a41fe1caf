import { EvaluationError } from '../errors.ts';
import { type ClassFolderOptions, classFolders, type ImageSet, realFolder, within } from '../sets.ts';
import type { FoundPreset, FoundSet } from './resolve.ts';

/**
 * Opens the sets of a preset, ID first, under the names of the papers. Where a list names the ID images and their classes by number, the
 * classes are the numbers of `classCount`; otherwise they are folders.
 * @throws EvaluationError set_unreadable, sets_overlap, id_without_classes, list_invalid
 */
export async function openPreset(
  { id, ood }: FoundPreset,
  options: ClassFolderOptions & { classCount?: number } = {},
): Promise<[ImageSet, ...ImageSet[]]> {
  const found = [id, ...ood];
  const dirs = await Promise.all(found.map((s) => realFolder(s.dir)));
  const walked = dirs.filter((_, i) => !found[i]?.list);
  const sets = found.map(({ name, list }, i): ImageSet => {
    const dir = dirs[i] as string;
    const skip = new Set(list ? [] : walked.filter((other) => other !== dir && within(other, dir)));
    return { name, dir, skip, ...(list && { list }) };
  }) as [ImageSet, ...ImageSet[]];
  const [first, ...others] = sets;
  const twice = others.find((s) => !s.list && !first.list && within(first.dir, s.dir));
  if (twice)
    throw new EvaluationError('sets_overlap', `The ID images (${first.dir}) are inside those of ${twice.name}.`);
  first.folders = id.list ? numbered(id, options.classCount) : await classFolders(first, options);
  return sets;
}

/** Numbers of the classes of an image list, as texts. */
function numbered({ list = [] }: FoundSet, classCount: number | undefined): string[] {
  const most = list.reduce((m, { label }) => Math.max(m, label), -1);
  const wrong = list.find(({ label }) => label < 0);
  if (wrong) throw new EvaluationError('list_invalid', `The list of the ID images gives ${wrong.path} no class.`);
  if (classCount !== undefined && most >= classCount) {
    throw new EvaluationError(
      'classes_count',
      `The list of the ID images has a class number ${most}, and there are ${classCount} class names. Names are given in the order of the numbers, from 0.`,
    );
  }
  return Array.from({ length: classCount ?? most + 1 }, (_, i) => String(i));
}
