import { FREE_BYTES, MAX_PLACES, PASSES, SLICE_MS } from './limits.ts';

/** Where something is in a request, for people: `body/instances/3`, `part 2 "photo"`. */
export type RequestPlace = string;

/** Where a JSON value is: names and indices from the outermost value on. */
export type JsonPath = readonly (string | number)[];

/** Where an image was, as far as adapters ask. */
export interface Where {
  place: RequestPlace;
  /** Set where the value is in the JSON of the body itself, not in JSON inside other content. */
  path?: JsonPath;
  /** The tensor of the Open Inference Protocol that it is an element of. */
  tensor?: { name: string; element: number; elements: number };
  /** The part of a form. */
  part?: { name: string; filename: string | undefined; type: string };
}

export interface FoundPicture extends Where {
  /** Undefined where an image was expected and there is none. */
  bytes: Buffer | undefined;
}

/** Where a value is, worked out when it matters: most values are nowhere of interest. */
export type At = () => Where;
/** Work that can be interrupted: between two steps the event loop may have its turn. */
export type Steps = Generator<void>;

/** Bytes that are neither judged nor known not to be an image. */
export interface Unexamined {
  place: RequestPlace;
  why: string;
}

interface Mark {
  pictures: number;
  unexamined: Unexamined | undefined;
  places: number;
}

/** The work that a body may cost is used up. */
export class ReadingTooLong extends Error {
  override readonly name = 'ReadingTooLong';
}

/** What one reading of a request has found so far. */
export class Reading {
  readonly pictures: FoundPicture[] = [];
  /** The first place; the others are counted. */
  unexamined: Unexamined | undefined;
  unexaminedPlaces = 0;
  readonly #maxPictures: number;
  readonly #maxWork: number;
  #work = 0;
  #breathed = performance.now();
  /** More images than are judged: the reading goes no further. */
  full = false;

  /**
   * @param bodyBytes size of the body
   * @param maxPictures images that the caller is willing to judge; one more is kept, so that the caller sees that there are more
   */
  constructor(bodyBytes: number, maxPictures: number) {
    this.#maxPictures = maxPictures;
    this.#maxWork = bodyBytes * PASSES + FREE_BYTES;
  }

  found(picture: FoundPicture): void {
    if (this.pictures.length > this.#maxPictures) this.full = true;
    else this.pictures.push(picture);
  }

  /** Takes out what a second reading of the same bytes has found again. @param from where it began */
  forgetRepeated(from: number): void {
    const again = this.pictures.splice(from);
    const first = this.pictures.slice();
    for (const picture of again) {
      const { bytes } = picture;
      if (!bytes || !first.some((other) => other.bytes?.equals(bytes))) this.pictures.push(picture);
    }
  }

  miss(place: RequestPlace, why: string): void {
    // the first is named; of very many the rest is of no interest any more
    if (++this.unexaminedPlaces > MAX_PLACES) this.full = true;
    this.unexamined ??= { place, why };
  }

  /** A point to which an attempt that fails can go back. */
  mark(): Mark {
    return { pictures: this.pictures.length, unexamined: this.unexamined, places: this.unexaminedPlaces };
  }

  reset({ pictures, unexamined, places }: Mark): void {
    this.pictures.length = pictures;
    this.unexamined = unexamined;
    this.unexaminedPlaces = places;
  }

  /** To be called before bytes are looked at. @throws ReadingTooLong */
  spend(bytes: number): void {
    this.#work += bytes;
    if (this.#work > this.#maxWork) throw new ReadingTooLong('content inside content takes too many passes');
  }

  /** Whether the event loop has waited long enough for its turn. */
  get breathless(): boolean {
    return performance.now() - this.#breathed > SLICE_MS;
  }

  /** Gives the event loop its turn. */
  async breathe(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#breathed = performance.now();
  }
}
