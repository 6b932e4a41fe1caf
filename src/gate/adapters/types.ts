import type { FailCause } from '../config/schema.ts';
import type { Span } from './json-text.ts';

export interface FoundImage {
  /** Place of the image: a file name, a pointer, or an input's name and index. For the log and the audit trail. */
  id: string;
  /** The image file; undefined if the element is not an image: invalid base64, or a wrong length. */
  bytes: Buffer | undefined;
  /** Index of its instance in the batch. */
  instance: number;
}

/** The places of the instances in the text of a request, without the text: another thread can make the same filter from it. */
export type FilterPlan = {
  /** Bytes of the text, which may have a binary section behind it. */
  length: number;
} & (
  | { array: Span; count: number; answerPointer: string }
  | { batch: number; rows: { shape: number[]; shapeSpan: Span; data: Span; row: number }[] }
);

/** Removes instances from a request and adds placeholders to its answer. Not every protocol allows both. */
export interface Filter {
  plan: FilterPlan;
  /** The body without the instances in `drop`. The caller sets its length. */
  request(drop: ReadonlySet<number>): { body: Buffer };
  /** @throws if the answer does not have one element for every instance that was sent */
  answer(body: Buffer, drop: ReadonlySet<number>, placeholder: unknown): Buffer;
}

export interface Extraction {
  images: FoundImage[];
  /** Instances of the batch. In a request without a batch, each image is an instance. */
  instances: number;
  /** The first `droppable` instances are elements of one array and can be removed; the others are elsewhere in the request. */
  droppable?: number;
  filter?: Filter;
}

export interface AdapterOptions {
  pointers?: string[] | undefined;
  answerPointer?: string | undefined;
  fields?: string[] | undefined;
}

/** The reason why images cannot be extracted from the body. */
export class ExtractionError extends Error {
  override readonly name = 'ExtractionError';
  readonly failure: Extract<FailCause, 'undecodable' | 'too_large' | 'no_image'>;

  constructor(failure: ExtractionError['failure'], message: string) {
    super(message);
    this.failure = failure;
  }
}
