import { edit, elementsOf, fill, membersOf, remove, resolvePointer, rootOf, type Span } from './json-text.ts';
import { ExtractionError, type Filter, type FilterPlan } from './types.ts';

/** Filters an array of the request, and the array of the answer that has one element for each of its elements. */
export const arrayFilter = (text: Buffer, array: Span, answerPointer: string): Filter =>
  plannedArrayFilter(text, { length: text.length, array, count: elementsOf(text, array).length, answerPointer });

export function plannedArrayFilter(text: Buffer, plan: Extract<FilterPlan, { array: Span }>): Filter {
  const { array, count, answerPointer } = plan;
  return {
    plan,
    request: (drop) => ({ body: edit(text, [remove(text, array, (i) => drop.has(i))]) }),
    answer: (body, drop, placeholder = null) => {
      const [span, ...more] = resolvePointer(body, rootOf(body), answerPointer);
      if (!span || more.length > 0 || elementsOf(body, span).length !== count - drop.size)
        throw new ExtractionError('undecodable', `the answer has not one element per instance at ${answerPointer}`);
      return edit(body, [fill(body, span, count, (i) => (drop.has(i) ? JSON.stringify(placeholder) : undefined))]);
    },
  };
}

/** The filter of `{"instances": [...]}`; undefined for columns under `inputs`, which have no rows. */
export function instancesFilter(text: Buffer, answerPointer = '/predictions'): Filter | undefined {
  const members = membersOf(text, rootOf(text));
  const rows = members.get('instances');
  return rows && !members.has('inputs') ? arrayFilter(text, rows, answerPointer) : undefined;
}
