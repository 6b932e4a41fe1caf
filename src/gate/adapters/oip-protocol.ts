import { ANYWHERE, placeOf } from '../reading/json-places.ts';
import type { FoundPicture, JsonPath, Where } from '../reading/reading.ts';
import type { OipTensor } from './oip-v2.ts';
import { oipFilter } from './oip-v2-filter.ts';
import { attempt, inRows, type Protocol } from './rows.ts';
import type { Extraction } from './types.ts';

const TENSOR = placeOf({ names: { data: placeOf({ element: ANYWHERE, other: ANYWHERE }) } });
/** `/inputs/0/data/...` */
const ROOT = placeOf({ names: { inputs: placeOf({ element: TENSOR, other: TENSOR }) } });

/** The Open Inference Protocol v2: elements of BYTES tensors, one row for each of the batch. */
export class OipProtocol implements Protocol {
  readonly root = ROOT;
  readonly deepest = 3;
  readonly #tensors: readonly OipTensor[];
  readonly #expecting: ReadonlySet<number>;
  readonly #counts = new Map<number, number>();
  readonly #binary: boolean;

  /**
   * @param fields names of the inputs that are images; without them a single BYTES input is one
   * @param options `expecting` false: no images are expected at particular places; `binary`: the request has a binary section
   */
  constructor(
    tensors: readonly OipTensor[],
    fields: readonly string[] | undefined,
    { expecting, binary }: { expecting: boolean; binary: boolean },
  ) {
    this.#tensors = tensors;
    this.#binary = binary;
    const bytes = tensors.flatMap(({ datatype }, i) => (datatype === 'BYTES' ? [i] : []));
    const chosen = fields
      ? bytes.filter((i) => fields.includes((tensors[i] as OipTensor).name))
      : bytes.length === 1
        ? bytes
        : [];
    this.#expecting = new Set(expecting ? chosen : []);
  }

  #tensorOf({ path, tensor }: Pick<Where, 'path' | 'tensor'>): number | undefined {
    if (tensor) return this.#tensors.findIndex(({ name }) => name === tensor.name);
    const data = path && path.length > 3 && path[0] === 'inputs' && path[2] === 'data';
    return data && typeof path[1] === 'number' ? path[1] : undefined;
  }

  get expects(): ((where: Where) => boolean) | undefined {
    if (this.#expecting.size === 0) return undefined;
    return (where) => this.#expecting.has(this.#tensorOf(where) ?? -1);
  }

  array(path: JsonPath, count: number): void {
    if (path.length === 3 && path[0] === 'inputs' && path[2] === 'data') this.#counts.set(path[1] as number, count);
  }

  #rowOf(picture: FoundPicture, rows: number): number | undefined {
    const { path, tensor } = picture;
    if (tensor) return Math.floor((tensor.element * rows) / tensor.elements);
    const index = this.#tensorOf(picture);
    const count = index === undefined ? undefined : this.#counts.get(index);
    return count && typeof path?.[3] === 'number' ? Math.floor((path[3] * rows) / count) : undefined;
  }

  assign(pictures: readonly FoundPicture[], text: Buffer | undefined): Extraction {
    const rows = Math.max(
      1,
      ...pictures.map((picture) => {
        const index = this.#tensorOf(picture);
        const shape = index === undefined ? undefined : this.#tensors[index]?.shape;
        const count = picture.tensor?.elements ?? this.#counts.get(index ?? -1) ?? 1;
        return Math.min(shape?.[0] ?? 1, count);
      }),
    );
    const extraction = inRows(pictures, pictures.length === 0 ? 0 : rows, (picture) => this.#rowOf(picture, rows));
    if (this.#binary || !text || pictures.length === 0) return extraction;
    return { ...extraction, ...attempt(() => oipFilter(text, [...this.#tensors], rows)) };
  }
}
