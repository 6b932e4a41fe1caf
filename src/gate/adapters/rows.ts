import type { Expectation } from '../reading/examiner.ts';
import type { FoundPicture } from '../reading/reading.ts';
import { JsonTextError } from './json-text.ts';
import type { Extraction, Filter, FoundImage } from './types.ts';

/** The places where a protocol expects images, and the assignment of images to instances of a batch. */
export interface Protocol extends Expectation {
  /** @param text the JSON of the body, undefined for other bodies */
  assign(pictures: readonly FoundPicture[], text: Buffer | undefined): Extraction;
}

/** The place of an image for the log and the audit trail. */
export function idOf({ part, tensor, path, place }: FoundPicture): string {
  if (part) return part.filename || part.name || place;
  if (tensor) return `${tensor.name}[${tensor.element}]`;
  if (path) return path.map((p) => `/${p}`).join('') || 'body';
  return place;
}

/** The filter, or none if the text cannot be edited. */
export function attempt(filter: () => Filter | undefined): { filter?: Filter } {
  try {
    const made = filter();
    return made ? { filter: made } : {};
  } catch (error) {
    if (error instanceof JsonTextError) return {};
    throw error;
  }
}

/** Assigns images to the rows that `rowOf` returns; all other images become instances of their own, after the rows. */
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
