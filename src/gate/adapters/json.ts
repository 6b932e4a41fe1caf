import { fromBase64 } from './base64.ts';
import { arrayFilter } from './instances.ts';
import { elementsOf, resolvePointer, rootOf, type Span, stringOf, typeOf } from './json-text.ts';
import type { Adapter, FoundImage } from './types.ts';

/** The array that a pointer runs through, and what follows it: `/a/*` + `/b`; without a star the whole pointer. */
function splitAtStar(pointer: string): { array: string; rest: string } {
  const star = /\/\*(?=\/|$)/.exec(pointer);
  return star
    ? { array: pointer.slice(0, star.index), rest: pointer.slice(star.index + 2) }
    : { array: pointer, rest: '' };
}

/** Base64 or data: URLs at the given pointers. A pointer to an array means each of its elements. */
export const json: Adapter = (body, _headers, { pointers = [], answerPointer }) => {
  const root = rootOf(body);
  const images: FoundImage[] = [];
  const arrays = new Map<string, Span>();
  let single = 0;
  const take = (span: Span, id: string, instance: number) => {
    if (typeOf(body, span) === 'scalar' && body.toString('latin1', span.start, span.end) === 'null') return;
    const strings = typeOf(body, span) === 'array' ? elementsOf(body, span) : [span];
    for (const s of strings) {
      const bytes = typeOf(body, s) === 'string' ? fromBase64(stringOf(body, s)) : undefined;
      images.push({ id, bytes, instance });
    }
  };
  for (const pointer of pointers) {
    const { array, rest } = splitAtStar(pointer);
    for (const span of resolvePointer(body, root, array)) {
      if (typeOf(body, span) !== 'array') {
        if (array === pointer) take(span, pointer, single++);
        continue;
      }
      arrays.set(array, span);
      for (const [i, element] of elementsOf(body, span).entries()) {
        const found = rest === '' ? [element] : resolvePointer(body, element, rest);
        for (const f of found) take(f, `${array}/${i}${rest}`, i);
      }
    }
  }
  const [only, ...others] = arrays.values();
  if (arrays.size > 0 && single > 0) return oneInstance(images);
  if (only && others.length > 0) return oneInstance(images);
  if (!only) return { images, instances: single };
  return {
    images,
    instances: elementsOf(body, only).length,
    ...(answerPointer === undefined ? {} : { filter: arrayFilter(body, only, answerPointer) }),
  };
};

/** Images from several places: which belong together is anybody's guess, so each stands for itself. */
function oneInstance(images: FoundImage[]) {
  return { images: images.map((image, instance) => ({ ...image, instance })), instances: images.length };
}
