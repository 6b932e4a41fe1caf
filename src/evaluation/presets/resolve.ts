import { stat } from 'node:fs/promises';
import { EvaluationError } from '../errors.ts';
import { type ListedImage, readImageList } from '../image-list.ts';
import { inEach, type Preset, type PresetSet } from './preset.ts';

/** A set of a preset as it was found. */
export interface FoundSet {
  name: string;
  /** The folder that paths are relative to. */
  dir: string;
  /** The images that the benchmark's list names; without a list all images of the folder count. */
  list?: ListedImage[];
  /** Number of images behind the published figures, where it is known and no list chooses them. */
  images?: number;
  group?: string;
}

/** A set that is not there, with the places where it was looked for, relative to the root. */
export interface MissingSet {
  name: string;
  tried: string[];
}

export interface FoundPreset {
  id: FoundSet;
  ood: FoundSet[];
  missing: MissingSet[];
}

const isFolder = (path: string) =>
  stat(path).then(
    (s) => s.isDirectory(),
    () => false,
  );
const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The first of the places that exists. */
export async function firstOf(root: string, places: string[], is = exists): Promise<string | undefined> {
  for (const place of places) if (await is(`${root}/${place}`)) return place;
  return undefined;
}

async function find(root: string, { name, places, list, images, group }: PresetSet): Promise<FoundSet | undefined> {
  const place = await firstOf(root, places, isFolder);
  if (place === undefined) return undefined;
  const found = { name, dir: `${root}/${place}`, ...(group !== undefined && { group }) };
  if (!list) return { ...found, ...(images !== undefined && { images }) };
  // the folder of the list's paths is above the set's own
  const below = place.slice(0, place.lastIndexOf(`${list.below}/`) + list.below.length);
  const file = await firstOf(root, inEach([below.slice(0, -list.below.length).replace(/\/$/, '')], [list.file]));
  if (file === undefined) return found;
  return { ...found, dir: `${root}/${below}`, list: await readImageList(`${root}/${file}`) };
}

const tried = (places: string[]) => places.slice(0, 4).join(', ') + (places.length > 4 ? ', ...' : '');

/**
 * Finds the sets of a preset below a folder. Sets that are not there are returned by name; the others are measured.
 * @param idDir the folder of ID images if it is elsewhere
 * @throws EvaluationError preset_id_missing, preset_empty, list_invalid
 */
export async function findPreset(preset: Preset, root: string, idDir?: string): Promise<FoundPreset> {
  const id =
    idDir === undefined ? await find(root, preset.id) : { name: preset.id.name, dir: idDir, images: preset.id.images };
  if (!id) {
    throw new EvaluationError(
      'preset_id_missing',
      `${root} has no images of ${preset.id.name}: none of ${tried(preset.id.places)} is a folder. Name their folder by --id.`,
    );
  }
  const ood: FoundSet[] = [];
  const missing: MissingSet[] = [];
  for (const set of preset.ood) {
    const found = await find(root, set);
    if (found) ood.push(found);
    else missing.push({ name: set.name, tried: set.places });
  }
  if (ood.length === 0) {
    throw new EvaluationError(
      'preset_empty',
      `${root} has none of the sets of the preset ${preset.name}: ${missing.map((m) => `${m.name} (${tried(m.tried)})`).join('; ')}.`,
    );
  }
  return { id: id as FoundSet, ood, missing };
}
