import type { Expectation } from '../reading/examiner.ts';
import type { FoundPicture } from '../reading/reading.ts';
import { JsonTextError } from './json-text.ts';
import type { Extraction, Filter, FoundImage } from './types.ts';

/** Where a protocol expects images, and which instances of a batch those that were found belong to. */
export interface Protocol extends Expectation {
  /** @param text the JSON of the body, undefined where it is none */
  assign(pictures: readonly FoundPicture[], text: Buffer | undefined): Extraction;
}

/** Where an image was, as the log and the audit trail call it. */
export function idOf({ part, tensor, path, place }: FoundPicture): string {
  if (part) return part.filename || part.name || place;
  if (tensor) return `${tensor.name}[${tensor.element}]`;
  if (path) return path.map((p) => `/${p}`).join('') || 'body';
  return place;
}

/** A filter where the text lets itself be edited. */
export function attempt(filter: () => Filter | undefined): { filter?: Filter } {
  try {
    const made = filter();
    return made ? { filter: made } : {};
  } catch (error) {
    if (error instanceof JsonTextError) return {};
    throw error;
  }
}

/** Images of which `rowOf` names a row are of it; the others are instances of their own, behind the rows. */
export function inRows(
  pictures: readonly FoundPicture[],
  rows: number,
  rowOf: (picture: FoundPicture) => number | undefined,
): Extraction {
  let next = rows;
  const images = pictures.map((picture): FoundImage => {
    const row = rowOf(picture);
    const instance = row !== undefined && row < rows ? row : next++;
    return { id: idOf(picture), bytes: picture.bytes, instance };
  });
  return { images, instances: next, droppable: rows };
}
