import { FREE_BYTES, MAX_PLACES, PASSES, SLICE_MS } from './limits.ts';

/** A readable place in a request: `body/instances/3`, `part 2 "photo"`. */
export type RequestPlace = string;

/** Path of a JSON value: names and indices from the outermost value on. */
export type JsonPath = readonly (string | number)[];

/** Place of an image, with the details that adapters need. */
export interface Where {
  place: RequestPlace;
  /** Set for values in the JSON of the body itself, not for JSON inside other content. */
  path?: JsonPath;
  /** The element of a tensor of the Open Inference Protocol. */
  tensor?: { name: string; element: number; elements: number };
  /** The part of a form. */
  part?: { name: string; filename: string | undefined; type: string };
}

export interface FoundPicture extends Where {
  /** Undefined if an image was expected and there is none. */
  bytes: Buffer | undefined;
}

/** Computes a place on demand, because the places of most values are not needed. */
export type At = () => Where;
/** Work that can be interrupted: the event loop may run between two steps. */
export type Steps = Generator<void>;

/** A place whose bytes are neither judged nor known to be no image. */
export interface Unexamined {
  place: RequestPlace;
  why: string;
}

interface Mark {
  pictures: number;
  unexamined: Unexamined | undefined;
  places: number;
  full: boolean;
}

/** The limit on the work for one body is reached. */
export class ReadingTooLong extends Error {
  override readonly name = 'ReadingTooLong';
}

/** The reading was ended before its end: no request waits for it any more, or it shall go on in another thread. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** How a reading shares the thread in which it runs. */
export interface Pace {
  /** Ends the reading between two slices. */
  signal?: AbortSignal | undefined;
  /** The reading ends after its first slice. */
  oneSlice?: boolean;
}

/** Readings that wait to go on. One continues in each turn of the event loop, so that a turn stays short with many costly bodies. */
const waiting: { spent: number; goOn: () => void }[] = [];

/** Continues the reading that has had the least time, so that a cheap body does not wait for costly ones. */
function goOn(): void {
  let least = 0;
  for (const [i, { spent }] of waiting.entries()) if (spent < (waiting[least]?.spent ?? 0)) least = i;
  waiting.splice(least, 1)[0]?.goOn();
  if (waiting.length > 0) setImmediate(goOn);
}

function nextTurn(spent: number): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push({ spent, goOn: resolve }) === 1) setImmediate(goOn);
  });
}

/** The findings of one reading of a request. */
export class Reading {
  readonly pictures: FoundPicture[] = [];
  /** The first such place; the others are only counted. */
  unexamined: Unexamined | undefined;
  unexaminedPlaces = 0;
  readonly #maxPictures: number;
  readonly #maxWork: number;
  #work = 0;
  #breathed = performance.now();
  /** Milliseconds of its slices so far. */
  #spent = 0;
  /** There are more images than are judged, so the reading has stopped. */
  full = false;

  /**
   * @param bodyBytes size of the body
   * @param maxPictures most images that the caller judges; one more is kept, so that the caller can see that there are more
   */
  constructor(bodyBytes: number, maxPictures: number) {
    this.#maxPictures = maxPictures;
    this.#maxWork = bodyBytes * PASSES + FREE_BYTES;
  }

  found(picture: FoundPicture): void {
    if (this.pictures.length > this.#maxPictures) this.full = true;
    else this.pictures.push(picture);
  }

  /** Removes images that a second reading of the same bytes found again. @param from number of images before it */
  forgetRepeated(from: number): void {
    const again = this.pictures.splice(from);
    const first = this.pictures.slice();
    for (const picture of again) {
      const { bytes } = picture;
      if (!bytes || !first.some((other) => other.bytes?.equals(bytes))) this.pictures.push(picture);
    }
  }

  miss(place: RequestPlace, why: string): void {
    // the first place is reported; after very many of them the reading stops
    if (++this.unexaminedPlaces > MAX_PLACES) this.full = true;
    this.unexamined ??= { place, why };
  }

  /** A state to which a failed attempt can return. */
  mark(): Mark {
    const { unexamined, unexaminedPlaces: places, full } = this;
    return { pictures: this.pictures.length, unexamined, places, full };
  }

  reset({ pictures, unexamined, places, full }: Mark): void {
    this.pictures.length = pictures;
    this.unexamined = unexamined;
    this.unexaminedPlaces = places;
    // a failed attempt that ended early must not end the next one
    this.full = full;
  }

  /** Call it before bytes are examined. @throws ReadingTooLong */
  spend(bytes: number): void {
    this.#work += bytes;
    if (this.#work > this.#maxWork) throw new ReadingTooLong('content inside content takes too many passes');
  }

  /** Whether the event loop should run now. */
  get breathless(): boolean {
    return performance.now() - this.#breathed > SLICE_MS;
  }

  /** Lets the event loop run. @throws Interrupted */
  async breathe({ signal, oneSlice = false }: Pace): Promise<void> {
    if (oneSlice) throw new Interrupted('the first slice has ended');
    this.#spent += performance.now() - this.#breathed;
    await nextTurn(this.#spent);
    if (signal?.aborted) throw new Interrupted('no request waits for this reading');
    this.#breathed = performance.now();
  }
}
