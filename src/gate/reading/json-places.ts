import { BACKSLASH } from './json-bytes.ts';
import { stringBytes } from './json-strings.ts';

/**
 * A place in a JSON text by what is expected there. The same object stands for all places with equal expectations, so a walk follows
 * the places without computing paths. It may claim too much: `expects` decides where `may` is true.
 */
export interface JsonPlace {
  /** Whether an image may be expected here. */
  may: boolean;
  /** The place of every element of an array here. */
  element: JsonPlace;
  /** The places of members with these names; all other members are at `other`. */
  names: readonly { bytes: Buffer; place: JsonPlace }[];
  other: JsonPlace;
}

/** A place at and below which `may` is the same. */
class UniformPlace implements JsonPlace {
  readonly may: boolean;
  readonly names: JsonPlace['names'] = [];
  readonly element: JsonPlace = this;
  readonly other: JsonPlace = this;

  constructor(may: boolean) {
    this.may = may;
  }
}

/** No image is expected here or below. */
export const NOWHERE: JsonPlace = new UniformPlace(false);
/** Images may be expected here and everywhere below. */
export const ANYWHERE: JsonPlace = new UniformPlace(true);

/** A place without an image, with members and elements of its own. */
export function placeOf(parts: Partial<Omit<JsonPlace, 'names'>> & { names?: Record<string, JsonPlace> }): JsonPlace {
  const { may = false, element = NOWHERE, other = NOWHERE, names = {} } = parts;
  return { may, element, other, names: namesOf(Object.entries(names)) };
}

export const namesOf = (names: Iterable<readonly [string, JsonPlace]>): JsonPlace['names'] =>
  [...names].map(([name, place]) => ({ bytes: Buffer.from(name), place }));

/** Every member with one of some names, at any depth. */
export function membersNamed(wanted: readonly string[]): JsonPlace {
  const below: JsonPlace = { may: false, element: NOWHERE, names: [], other: NOWHERE };
  const found: JsonPlace = { ...below, may: true };
  // the name of an element is its index
  const indices = wanted.some((name) => /^\d+$/.test(name));
  const names = namesOf(wanted.map((name) => [name, found] as const));
  for (const place of [below, found]) Object.assign(place, { element: indices ? found : below, names, other: below });
  return below;
}

/** The place of the member whose name is at `start`..`end` of a text, quotes included. @throws NotJson on invalid escapes */
export function memberPlace(place: JsonPlace, text: Buffer, start: number, end: number): JsonPlace {
  const { names, other } = place;
  if (names.length === 0) return other;
  let escaped = false;
  for (let i = start; i < end && !escaped; i++) escaped = text[i] === BACKSLASH;
  if (escaped) {
    const name = stringBytes(text, start, end);
    return names.find(({ bytes }) => bytes.equals(name))?.place ?? other;
  }
  for (const { bytes, place: found } of names) {
    if (bytes.length !== end - start - 2) continue;
    let i = 0;
    while (i < bytes.length && bytes[i] === text[start + 1 + i]) i++;
    if (i === bytes.length) return found;
  }
  return other;
}
