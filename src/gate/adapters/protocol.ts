import type { AdapterName } from '../config/schema.ts';
import type { Expectation } from '../reading/examiner.ts';
import type { FoundPicture } from '../reading/reading.ts';
import { instancesFilter } from './instances.ts';
import { JsonTextError } from './json-text.ts';
import { PointerProtocol } from './pointers.ts';
import type { AdapterOptions, Extraction, Filter, FoundImage } from './types.ts';

/** Members that hold an image in the v1 protocols of KServe and TorchServe, by the habits of their examples. */
const FIELDS = ['data', 'image', 'image_bytes', 'bytes', 'body'];

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

/** Bodies of which nothing is known, or forms; and JSON with one row for each element of `instances`. */
class RowsProtocol implements Protocol {
  readonly #options: AdapterOptions;
  readonly expects: NonNullable<Expectation['expects']>;
  #rows: number | undefined;

  constructor(options: AdapterOptions, expects: NonNullable<Expectation['expects']>) {
    this.#options = options;
    this.expects = expects;
  }

  array(path: readonly (string | number)[], count: number): void {
    if (path.length === 1 && path[0] === 'instances') this.#rows = count;
  }

  assign(pictures: readonly FoundPicture[], text: Buffer | undefined): Extraction {
    const rows = this.#rows ?? 0;
    const extraction = inRows(pictures, rows, ({ path }) =>
      path?.[0] === 'instances' && typeof path[1] === 'number' ? path[1] : undefined,
    );
    if (rows === 0 || pictures.length === 0 || !text) return extraction;
    return { ...extraction, ...attempt(() => instancesFilter(text, this.#options.answerPointer)) };
  }
}

type Expects = NonNullable<Expectation['expects']>;

/** How a part of a form, a body or a JSON value is expected to be an image. */
const EXPECTS: Partial<Record<AdapterName, (options: AdapterOptions) => Expects>> = {
  auto: () => () => false,
  raw:
    () =>
    ({ part, path, tensor, place }) =>
      place === 'body' && !part && !path && !tensor,
  multipart:
    ({ fields }) =>
    ({ part }) =>
      part !== undefined && (fields ? fields.includes(part.name) : part.type.startsWith('image/')),
  'tf-serving':
    () =>
    ({ path }) =>
      path?.at(-1) === 'b64',
  'kserve-v1':
    ({ fields = FIELDS }) =>
    ({ path }) => {
      const last = path?.at(-1);
      return last === 'b64' || fields.includes(String(last)) || (path?.length === 2 && path[0] === 'instances');
    },
};
const SAME: Partial<Record<AdapterName, AdapterName>> = { 'oip-v2': 'auto', 'triton-raw': 'raw' };

/** @param type media type of the body: TorchServe takes an image as it is, as a form, or as JSON */
export function protocolOf(name: AdapterName, type: string, options: AdapterOptions): Protocol {
  if (name === 'json') return new PointerProtocol(options);
  let known = SAME[name] ?? name;
  if (name === 'torchserve') {
    const json = type === 'application/json' || type.endsWith('+json');
    known = type === 'multipart/form-data' ? 'multipart' : json ? 'kserve-v1' : 'raw';
  }
  const expects = (EXPECTS[known] as (options: AdapterOptions) => Expects)(options);
  return new RowsProtocol(options, expects);
}
