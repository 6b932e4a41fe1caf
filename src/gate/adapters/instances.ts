import { fromBase64 } from './base64.ts';
import {
  edit,
  elementsOf,
  fill,
  membersOf,
  remove,
  resolvePointer,
  rootOf,
  type Span,
  stringOf,
  typeOf,
} from './json-text.ts';
import { looksLikeImage } from './sniff.ts';
import { type Adapter, type Extraction, ExtractionError, type Filter, type FoundImage } from './types.ts';

/** Members that hold an image in the v1 protocols of KServe and TorchServe, by the habits of their examples. */
const FIELDS = ['data', 'image', 'image_bytes', 'bytes', 'body'];
const MAX_DEPTH = 8;

interface Search {
  /** Strings under these names are images, as are bare strings. TensorFlow Serving knows {"b64"} only. */
  fields: string[];
  /** Strings that are not under "b64" count only where they look like an image. */
  sniff: boolean;
}

/** `{"b64": "..."}` wherever it is inside a value, and strings in the fields that are searched. */
function imagesIn(text: Buffer, span: Span, search: Search, id: string, instance: number): FoundImage[] {
  const found: FoundImage[] = [];
  const take = (at: Span, where: string, sniff: boolean) => {
    const bytes = fromBase64(stringOf(text, at));
    if (!sniff || (bytes && looksLikeImage(bytes))) found.push({ id: where, bytes, instance });
  };
  const visit = (at: Span, where: string, depth: number): void => {
    if (depth > MAX_DEPTH) return;
    for (const [i, element] of elementsOf(text, at).entries()) {
      if (typeOf(text, element) === 'string') {
        if (search.fields.length > 0) take(element, `${where}/${i}`, true);
      } else visit(element, `${where}/${i}`, depth + 1);
    }
    for (const [name, member] of membersOf(text, at)) {
      if (typeOf(text, member) !== 'string') visit(member, `${where}/${name}`, depth + 1);
      else if (name === 'b64') take(member, where, false);
      else if (search.fields.includes(name)) take(member, `${where}/${name}`, search.sniff);
    }
  };
  if (typeOf(text, span) !== 'string') visit(span, id, 0);
  else if (search.fields.length > 0) take(span, id, search.sniff);
  return found;
}

/** Edits one array of the request, and the array of the answer that has one element for each of its elements. */
export function arrayFilter(text: Buffer, array: Span, answerPointer: string): Filter {
  const count = elementsOf(text, array).length;
  return {
    request: (drop) => ({ body: edit(text, [remove(text, array, (i) => drop.has(i))]) }),
    answer: (body, drop, placeholder = null) => {
      const [span, ...more] = resolvePointer(body, rootOf(body), answerPointer);
      if (!span || more.length > 0 || elementsOf(body, span).length !== count - drop.size)
        throw new ExtractionError('undecodable', `the answer has not one element per instance at ${answerPointer}`);
      return edit(body, [fill(body, span, count, (i) => (drop.has(i) ? JSON.stringify(placeholder) : undefined))]);
    },
  };
}

/** `{"instances": [...]}` with one image or more in each, or columns under "inputs". */
export function instancesOf(body: Buffer, search: Search, answerPointer = '/predictions'): Extraction {
  const root = rootOf(body);
  const members = membersOf(body, root);
  const rows = members.get('instances');
  if (rows) {
    const elements = elementsOf(body, rows);
    const images = elements.flatMap((e, i) => imagesIn(body, e, search, `/instances/${i}`, i));
    const columns = members.get('inputs');
    if (columns) images.push(...imagesIn(body, columns, search, '/inputs', 0));
    return {
      images,
      instances: elements.length,
      ...(columns ? {} : { filter: arrayFilter(body, rows, answerPointer) }),
    };
  }
  const images = imagesIn(body, root, search, '', 0).map((image, instance) => ({ ...image, instance }));
  return { images, instances: images.length };
}

export const tfServing: Adapter = (body, _headers, { answerPointer }) =>
  instancesOf(body, { fields: [], sniff: false }, answerPointer);

export const kserveV1: Adapter = (body, _headers, { answerPointer, fields }) =>
  instancesOf(body, { fields: fields ?? FIELDS, sniff: false }, answerPointer);

/** For bodies of which nothing is known: strings count where they look like an image. */
export const anyJson: Adapter = (body, _headers, { answerPointer }) =>
  instancesOf(body, { fields: FIELDS, sniff: true }, answerPointer);
