import type { AdapterName } from '../config/schema.ts';
import type { Expectation } from '../reading/examiner.ts';
import { type JsonPlace, membersNamed, NOWHERE, namesOf } from '../reading/json-places.ts';
import type { FoundPicture } from '../reading/reading.ts';
import { instancesFilter } from './instances.ts';
import { PointerProtocol } from './pointers.ts';
import { attempt, inRows, type Protocol } from './rows.ts';
import type { AdapterOptions, Extraction } from './types.ts';

/** Members that hold an image in examples of the v1 protocols of KServe and TorchServe. */
const FIELDS = ['data', 'image', 'image_bytes', 'bytes', 'body'];

/** Bodies of unknown form, forms, and JSON with one row for each element of `instances`. */
class RowsProtocol implements Protocol {
  readonly #options: AdapterOptions;
  readonly expects: Expects | undefined;
  readonly root: JsonPlace;
  readonly deepest = 1;
  #rows: number | undefined;

  /** @param root where `expects` may be true */
  constructor(options: AdapterOptions, expects: Expects | undefined, root: JsonPlace) {
    this.#options = options;
    this.expects = expects;
    this.root = root;
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

/** Where each adapter expects an image: in a part of a form, a body, or a JSON value. */
const EXPECTS: Partial<Record<AdapterName, (options: AdapterOptions) => Expects>> = {
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

const IN_B64 = membersNamed(['b64']);

/** The places of a JSON text where an adapter may expect an image. */
function rootOf(name: AdapterName, { fields = FIELDS }: AdapterOptions): JsonPlace {
  if (name === 'tf-serving') return IN_B64;
  if (name !== 'kserve-v1') return NOWHERE;
  const anywhere = membersNamed(['b64', ...fields]);
  const row = { ...anywhere, may: true };
  const instances = { ...anywhere, may: true, element: row, other: row };
  const names = anywhere.names.filter(({ bytes }) => bytes.toString() !== 'instances');
  // members of an object with this name are rows as well
  return { ...anywhere, names: [...names, ...namesOf([['instances', instances]])] };
}

const SAME: Partial<Record<AdapterName, AdapterName>> = { 'oip-v2': 'auto', 'triton-raw': 'raw' };

/** @param type media type of the body: TorchServe accepts an image as the body, in a form, or in JSON */
export function protocolOf(name: AdapterName, type: string, options: AdapterOptions): Protocol {
  if (name === 'json') return new PointerProtocol(options);
  let known = SAME[name] ?? name;
  if (name === 'torchserve') {
    const json = type === 'application/json' || type.endsWith('+json');
    known = type === 'multipart/form-data' ? 'multipart' : json ? 'kserve-v1' : 'raw';
  }
  return new RowsProtocol(options, EXPECTS[known]?.(options), rootOf(known, options));
}
