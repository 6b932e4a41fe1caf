import type { FailCause } from '../config/schema.ts';

export interface FoundImage {
  /** Where it was: a file name, a pointer, an input's name and index. For the log and the audit trail. */
  id: string;
  /** The image file; undefined where what stands in its place is none (not base64, a length that is wrong). */
  bytes: Buffer | undefined;
  /** Which instance of the batch it belongs to. */
  instance: number;
}

/** Taking instances out of the request and putting placeholders into the answer. Only protocols that have a place for both. */
export interface Filter {
  /** The body without some instances; its length is the caller's business. */
  request(drop: ReadonlySet<number>): { body: Buffer };
  /** @throws where the answer has not one element for every instance that was sent */
  answer(body: Buffer, drop: ReadonlySet<number>, placeholder: unknown): Buffer;
}

export interface Extraction {
  images: FoundImage[];
  /** Instances of the batch; images of one request that are no batch are one each. */
  instances: number;
  /** The first so many instances are elements of one array; the others were found beside it and can't be taken out. */
  droppable?: number;
  filter?: Filter;
}

export interface AdapterOptions {
  pointers?: string[] | undefined;
  answerPointer?: string | undefined;
  fields?: string[] | undefined;
}

/** No images can be taken out of the body, and why. */
export class ExtractionError extends Error {
  override readonly name = 'ExtractionError';
  readonly failure: Extract<FailCause, 'undecodable' | 'too_large' | 'no_image'>;

  constructor(failure: ExtractionError['failure'], message: string) {
    super(message);
    this.failure = failure;
  }
}
