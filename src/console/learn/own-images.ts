import type { ClassEntry } from '../api/types.ts';
import { nameOf } from '../class-text.ts';
import type { Picture } from '../playground/picture.ts';

/** A photograph of the user. */
export interface OwnImage {
  name: string;
  blob: Blob;
  /** The class that its folder is named after. */
  class: string | undefined;
  /** Whether it shows a class of the tenant. */
  used: boolean;
}

/** Folders are compared with classes without regard to case, blanks, hyphens and underscores. */
const plain = (name: string) =>
  name
    .normalize('NFC')
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ')
    .trim();

/** In order of folders and names, whatever order the browser reads them in. */
const byPlace = (a: Picture, b: Picture) =>
  (a.folder ?? '').localeCompare(b.folder ?? '') || a.name.localeCompare(b.name, undefined, { numeric: true });

/** The pictures among the files, in order of their folders, each with the class of its folder if there is one. */
export function ownImages(pictures: readonly Picture[], classes: readonly ClassEntry[]): OwnImage[] {
  const known = new Map<string, string>();
  for (const entry of classes) {
    const names = typeof entry === 'string' ? [entry] : [entry.name, ...(entry.aliases ?? [])];
    for (const name of names) known.set(plain(name), nameOf(entry));
  }
  return pictures
    .filter(({ blob }) => blob.type.startsWith('image/'))
    .sort(byPlace)
    .map(({ name, blob, folder }) => ({ name, blob, class: known.get(plain(folder ?? '')), used: true }));
}

/** The use of each photograph: no image is an example and in the calibration. */
export interface Plan {
  /** By class. */
  examples: Map<string, OwnImage[]>;
  calibration: OwnImage[];
}

/** @param perClass most examples of a class; the first photographs of its folder, and never all of them */
export function planOf(images: readonly OwnImage[], perClass: number): Plan {
  const examples = new Map<string, OwnImage[]>();
  const used = images.filter((image) => image.used);
  for (const name of new Set(used.flatMap((image) => image.class ?? []))) {
    const own = used.filter((image) => image.class === name);
    const some = own.slice(0, Math.min(perClass, own.length - 1));
    if (some.length > 0) examples.set(name, some);
  }
  const taken = new Set([...examples.values()].flat());
  return { examples, calibration: used.filter((image) => !taken.has(image)) };
}

/** Fewest images for a calibration that keeps this share: below it there is no threshold (split conformal calibration). */
export const fewestFor = (keep: number) => Math.ceil(1 / (1 - keep) - 1 - 1e-9);
