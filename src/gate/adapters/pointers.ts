import { type JsonPlace, NOWHERE, namesOf } from '../reading/json-places.ts';
import type { FoundPicture, JsonPath, Where } from '../reading/reading.ts';
import { arrayFilter } from './instances.ts';
import { resolvePointer, rootOf } from './json-text.ts';
import { attempt, inRows, type Protocol } from './rows.ts';
import type { AdapterOptions, Extraction } from './types.ts';

/** A pointer in pieces; `star` is the index of its first `*`, -1 without one. */
interface Pattern {
  pieces: string[];
  star: number;
}

function patternOf(pointer: string): Pattern {
  const pieces = pointer
    .split('/')
    .slice(1)
    .map((piece) => piece.replaceAll('~1', '/').replaceAll('~0', '~'));
  return { pieces, star: pieces.indexOf('*') };
}

/** Whether a path matches the pattern, or is an element of an array that matches. */
function fits({ pieces }: Pattern, path: JsonPath): boolean {
  const more = path.length - pieces.length;
  if (more !== 0 && !(more === 1 && typeof path.at(-1) === 'number')) return false;
  return pieces.every((piece, i) => (piece === '*' && typeof path[i] === 'number') || piece === String(path[i]));
}

const LAST: JsonPlace = { may: true, element: NOWHERE, names: [], other: NOWHERE };

/**
 * The places that pointers lead to. @param rests the pieces that are left of each pointer at this place
 */
function placeOf(rests: readonly (readonly string[])[]): JsonPlace {
  if (rests.length === 0) return NOWHERE;
  const may = rests.some((pieces) => pieces.length === 0);
  const after = (piece: (first: string) => boolean) =>
    placeOf(rests.filter(([first]) => first !== undefined && piece(first)).map((pieces) => pieces.slice(1)));
  const firsts = new Set(rests.flatMap((pieces) => pieces.slice(0, 1)));
  // every index is treated alike, because `expects` decides
  const element = after((first) => first === '*' || /^\d+$/.test(first));
  return {
    may,
    element: may ? (element === NOWHERE ? LAST : { ...element, may: true }) : element,
    names: namesOf([...firsts].map((name) => [name, after((first) => first === name)] as const)),
    other: NOWHERE,
  };
}

/** Base64 or data: URLs at given pointers (RFC 6901); `*` means every element. A pointer to an array means all its elements. */
export class PointerProtocol implements Protocol {
  readonly #patterns: Pattern[];
  readonly #answerPointer: string | undefined;
  readonly root: JsonPlace;
  readonly deepest: number;
  /** Arrays on the way of a pointer or at its end, with their numbers of elements. */
  readonly #arrays = new Map<string, number>();

  constructor({ pointers = [], answerPointer }: AdapterOptions) {
    this.#patterns = pointers.map(patternOf);
    this.#answerPointer = answerPointer;
    this.root = placeOf(this.#patterns.map(({ pieces }) => pieces));
    this.deepest = Math.max(0, ...this.#patterns.map(({ pieces, star }) => (star < 0 ? pieces.length : star)));
  }

  readonly expects = ({ path }: Where): boolean => path !== undefined && this.#patterns.some((p) => fits(p, path));

  array(path: JsonPath, count: number): void {
    const through = ({ pieces, star }: Pattern) =>
      (star < 0 ? pieces.length : star) === path.length && path.every((p, i) => String(p) === pieces[i]);
    if (this.#patterns.some(through)) this.#arrays.set(path.join('/'), count);
  }

  assign(pictures: readonly FoundPicture[], text: Buffer | undefined): Extraction {
    const [only, ...others] = this.#arrays;
    if (!only || others.length > 0) return inRows(pictures, 0, () => undefined);
    const [array, rows] = only;
    const pieces = array.split('/');
    const extraction = inRows(pictures, rows, ({ path }) => {
      const inside = path && path.length > pieces.length && pieces.every((piece, i) => piece === String(path[i]));
      return inside && typeof path[pieces.length] === 'number' ? (path[pieces.length] as number) : undefined;
    });
    const { images } = extraction;
    const alone = images.every(({ instance }) => instance < rows);
    if (!alone && !this.#answerPointer) return inRows(pictures, 0, () => undefined);
    const answerPointer = this.#answerPointer;
    if (answerPointer === undefined || !text || images.length === 0) return extraction;
    return {
      ...extraction,
      ...attempt(() => {
        const [span] = resolvePointer(text, rootOf(text), `/${array}`);
        return span && arrayFilter(text, span, answerPointer);
      }),
    };
  }
}
