import { dirname } from 'node:path';
import { classNames, classNamesByNumber } from '../classes.ts';
import { EvaluationError } from '../errors.ts';
import type { LeftOutFiles } from '../left-out.ts';
import type { ImageSet } from '../sets.ts';
import { isWordNetId } from '../synsets.ts';
import { openPreset } from './open.ts';
import type { Preset, Published } from './preset.ts';
import { type FoundPreset, findPreset, firstOf, type MissingSet } from './resolve.ts';

/** The part of `results.json` that a preset adds. */
export interface PresetRecord {
  name: string;
  title: string;
  /** Sets that the benchmark averages together, among those that were found. */
  groups: { name: string; sets: string[] }[];
  missing: MissingSet[];
  /** Number of images behind the published figures of a set, where it is known. */
  images: Record<string, number>;
  published: Published[];
  sources: string[];
}

export interface PresetTask {
  sets: [ImageSet, ...ImageSet[]];
  folders: string[];
  classes: string[];
  record: PresetRecord;
}

export interface PresetArguments {
  /** Folder with the benchmark's folders. */
  root: string;
  /** Folder of the ID images if it is elsewhere. */
  id?: string;
  /** File of class names. */
  classes?: string;
  leftOut: LeftOutFiles;
}

/** ImageNet's own list of class names comes with its archive. */
const SYNSETS = 'LOC_synset_mapping.txt';

/** The list of class names: the one given, or ImageNet's own beside the images, above them, or in the root. */
async function classFile(given: string | undefined, root: string, idDir: string): Promise<string | undefined> {
  if (given !== undefined) return given;
  for (const dir of [idDir, dirname(idDir), dirname(dirname(idDir)), root]) {
    if ((await firstOf(dir, [SYNSETS])) !== undefined) return `${dir}/${SYNSETS}`;
  }
  return undefined;
}

const needed = (why: string) =>
  new EvaluationError(
    'classes_needed',
    `${why} Give the class names by --classes: ${SYNSETS} of ImageNet, or one name per line in the order of the WordNet ids.`,
  );

function recordOf(preset: Preset, { id, ood, missing }: FoundPreset): PresetRecord {
  const groups = [...new Set(ood.flatMap((s) => s.group ?? []))].map((name) => ({
    name,
    sets: ood.filter((s) => s.group === name).map((s) => s.name),
  }));
  const images = Object.fromEntries([id, ...ood].flatMap((s) => (s.images === undefined ? [] : [[s.name, s.images]])));
  const { name, title, published, sources } = preset;
  return { name, title, groups, missing, images, published, sources };
}

/**
 * The sets and classes of a preset.
 * @throws EvaluationError of finding and opening its sets, and classes_needed, if nothing names the classes
 */
export async function preparePreset(
  preset: Preset,
  { root, id, classes: given, leftOut }: PresetArguments,
): Promise<PresetTask> {
  const found = await findPreset(preset, root, id);
  const file = await classFile(given, root, found.id.dir);
  const record = recordOf(preset, found);
  if (found.id.list) {
    if (file === undefined) throw needed('The list of ID images has numbers of classes and no names.');
    const classes = await classNamesByNumber(file);
    const sets = await openPreset(found, { classCount: classes.length, leftOut });
    return { sets, folders: sets[0].folders as string[], classes, record };
  }
  const sets = await openPreset(found, { leftOut });
  const folders = sets[0].folders as string[];
  if (file === undefined && folders.every(isWordNetId)) throw needed('The class folders are named by WordNet ids.');
  return { sets, folders, classes: await classNames(folders, file), record };
}
