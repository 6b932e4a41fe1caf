import type { IncomingHttpHeaders } from 'node:http';
import { JsonTextError } from '../adapters/json-text.ts';
import { OipProtocol } from '../adapters/oip-protocol.ts';
import { type OipTensor, splitBody, tensorsOf } from '../adapters/oip-v2.ts';
import { protocolOf } from '../adapters/protocol.ts';
import type { Protocol } from '../adapters/rows.ts';
import { type AdapterOptions, type Extraction, ExtractionError } from '../adapters/types.ts';
import type { AdapterName } from '../config/schema.ts';
import { CodingError, codingsOf, unpack } from './coding.ts';
import { Examiner } from './examiner.ts';
import { imageFormat } from './formats/image-format.ts';
import { repeatedHeader } from './headers.ts';
import { MIN_TEXT_BYTES } from './limits.ts';
import { isKnownCharset, type MediaType, mediaType } from './media-type.ts';
import { MalformedForm, partsOf } from './multipart.ts';
import { Interrupted, type Pace, Reading, ReadingTooLong, type Steps, type Unexamined } from './reading.ts';
import { binarySections } from './sections.ts';
import { imageShapedBatch } from './tensor.ts';
import { urlencoded } from './urlencoded.ts';

export type { Unexamined } from './reading.ts';

/** The parts of a request that its reading uses. */
export interface Message {
  body: Buffer;
  headers: IncomingHttpHeaders;
  /** Every header as sent; without them a repeated header is not detected. */
  rawHeaders?: readonly string[] | undefined;
  /** Path and query. */
  target?: string | undefined;
}

export interface ReadOptions extends AdapterOptions {
  adapter: AdapterName;
  /** Most images that are judged. */
  maxImages: number;
  /** Most bytes of a body without its coding. */
  maxBodyBytes: number;
}

/** Every image of a request, and the first place that is neither judged nor known to be no image. */
export interface ReadRequest {
  extraction: Extraction;
  unexamined: Unexamined | undefined;
}

/**
 * Reads a request once and accounts for every byte of it.
 * @throws ExtractionError too_large, Interrupted
 */
export async function readRequest(message: Message, options: ReadOptions, pace: Pace = {}): Promise<ReadRequest> {
  const { headers } = message;
  const codings = codingsOf(headers['content-encoding'] ?? '');
  let { body } = message;
  const outer = new Reading(0, options.maxImages);
  const repeated = repeatedHeader(message.rawHeaders ?? []);
  if (repeated) outer.miss('headers', `the header ${repeated} occurs twice`);
  if (codings.length > 0) {
    if (imageFormat(body)) outer.miss('body', 'an image with a content coding');
    try {
      body = await unpack(body, codings, options.maxBodyBytes);
    } catch (error) {
      if (!(error instanceof CodingError)) throw error;
      if (error.tooLarge) throw new ExtractionError('too_large', error.message);
      outer.miss('body', error.message);
    }
  }
  const job = new Job({ ...message, body }, options);
  const { extraction, unexamined } = await job.run(pace);
  const { filter: _, ...fixed } = extraction;
  // no filter with a content coding, because a filtered body would have to be packed again
  return { extraction: codings.length > 0 ? fixed : extraction, unexamined: outer.unexamined ?? unexamined };
}

class Job {
  readonly #message: Message;
  readonly #options: ReadOptions;
  readonly #reading: Reading;
  readonly #declared: string;
  readonly #type: MediaType | undefined;
  #protocol: Protocol;
  /** The JSON text of the body, for edits. */
  #text: Buffer;

  constructor(message: Message, options: ReadOptions) {
    this.#message = message;
    this.#options = options;
    this.#reading = new Reading(message.body.length, options.maxImages);
    this.#declared = message.headers['content-type'] ?? '';
    this.#type = mediaType(this.#declared);
    this.#protocol = protocolOf(options.adapter, this.#type?.type ?? '', options);
    this.#text = message.body;
  }

  async run(pace: Pace): Promise<ReadRequest> {
    const reading = this.#reading;
    try {
      for (const _ of this.#steps()) if (reading.breathless) await reading.breathe(pace);
    } catch (error) {
      if (error instanceof MalformedForm)
        reading.miss('body', `a form that can be read in several ways: ${error.message}`);
      else if (error instanceof ExtractionError || error instanceof Interrupted) throw error;
      else if (error instanceof ReadingTooLong) reading.miss('body', error.message);
      // an error here is a fault of this program; the body must not pass because of it
      else reading.miss('body', `content at which the reading failed (${(error as Error).name})`);
    }
    return { extraction: this.#protocol.assign(reading.pictures, this.#text), unexamined: reading.unexamined };
  }

  *#steps(): Steps {
    const { body, target } = this.#message;
    yield* this.#query(target);
    if (body.length === 0) return;
    const form = this.#type?.type.startsWith('multipart/') === true;
    if (!form && /multipart|boundary/i.test(this.#declared))
      return this.#reading.miss('headers', 'a malformed Content-Type');
    if (!isKnownCharset(this.#type?.parameters.get('charset') ?? ''))
      return this.#reading.miss('headers', 'an unknown charset');
    if (this.#message.headers['inference-header-content-length'] !== undefined) return yield* this.#extension(form);
    if (form) return yield* this.#form(this.#type as MediaType);
    yield* this.#plain();
  }

  /** Examines a body that is one piece: an image, JSON, text, or anything else. */
  *#plain(): Steps {
    const { body } = this.#message;
    const { adapter } = this.#options;
    if ((adapter === 'oip-v2' || adapter === 'auto') && (body[0] as number) < 0x80) {
      const tensors = this.#tensors(body, undefined);
      if (tensors) {
        this.#protocol = new OipProtocol(tensors, this.#options.fields, {
          expecting: adapter === 'oip-v2',
          binary: false,
        });
        this.#shapes(tensors);
      }
    }
    const examiner = new Examiner(this.#reading, this.#protocol);
    const plusIsBlank = this.#type?.type === 'application/x-www-form-urlencoded';
    yield* examiner.content(body, () => ({ place: 'body' }), 0, { plusIsBlank });
    if (!plusIsBlank || imageFormat(body)) return;
    const before = this.#reading.pictures.length;
    // no adapter expects images in the fields of such a form
    yield* urlencoded(body, 'body', new Examiner(this.#reading, {}), 1);
    this.#reading.forgetRepeated(before);
  }

  *#form(type: MediaType): Steps {
    const examiner = new Examiner(this.#reading, this.#protocol);
    let index = 0;
    for (const { content, ...part } of partsOf(this.#message.body, type)) {
      const place = `part ${index++} ${JSON.stringify(part.name.slice(0, 64))}`;
      const before = this.#reading.pictures.length;
      yield* examiner.content(content, () => ({ place, part }), 1);
      if (
        part.filename === undefined &&
        part.type.startsWith('text/') &&
        this.#reading.pictures.slice(before).some(({ bytes }) => bytes === content)
      )
        this.#reading.miss(place, 'an image in a field without a file name, which servers read as text');
    }
  }

  *#query(target = ''): Steps {
    const at = target.indexOf('?');
    if (at < 0 || target.length - at < MIN_TEXT_BYTES) return;
    const examiner = new Examiner(this.#reading, {});
    const query = Buffer.from(target.slice(at + 1), 'latin1');
    yield* urlencoded(query, 'query', examiner, 1);
  }

  /** Examines JSON with binary sections after it: the Open Inference Protocol's binary extension. */
  *#extension(form: boolean): Steps {
    const { body, headers } = this.#message;
    const reading = this.#reading;
    if (form) return reading.miss('headers', 'a form with an Inference-Header-Content-Length');
    const length = headers['inference-header-content-length'];
    const given = typeof length === 'string' && /^\d{1,10}$/.test(length) ? Number(length) : Number.NaN;
    if (!(given <= body.length))
      return reading.miss('headers', 'an Inference-Header-Content-Length with a wrong value');
    if (given === 0) {
      this.#protocol = protocolOf(
        this.#options.adapter === 'auto' || this.#options.adapter === 'multipart' ? this.#options.adapter : 'raw',
        '',
        {},
      );
      return yield* this.#plain();
    }
    if (imageFormat(body)) yield* new Examiner(reading, {}).content(body, () => ({ place: 'body' }), 0);
    const { text, binary } = splitBody(body, headers);
    this.#text = text;
    const tensors = this.#tensors(text, binary);
    if (tensors) {
      const expecting = this.#options.adapter === 'oip-v2' || this.#options.adapter === 'triton-raw';
      this.#protocol = new OipProtocol(tensors, this.#options.fields, { expecting, binary: true });
      this.#shapes(tensors);
    } else if (binary.length > 0) return reading.miss('body', 'a binary section that does not match the tensors');
    const examiner = new Examiner(reading, this.#protocol);
    yield* examiner.content(text, () => ({ place: 'body' }), 0);
    yield* binarySections(tensors ?? [], examiner, reading);
  }

  /** The tensors of an inference request; undefined for any other body. */
  #tensors(text: Buffer, binary: Buffer | undefined): OipTensor[] | undefined {
    // a fast test before the walk, because most bodies are not of this protocol
    if (binary === undefined && !text.includes('"datatype"')) return undefined;
    this.#reading.spend(text.length);
    try {
      const tensors = tensorsOf(text, 'inputs', binary);
      return tensors.length > 0 ? tensors : undefined;
    } catch (error) {
      if (error instanceof JsonTextError || error instanceof ExtractionError) return undefined;
      throw error;
    }
  }

  #shapes(tensors: readonly OipTensor[]): void {
    for (const { name, datatype, shape } of tensors) {
      if (datatype === 'BYTES' || !imageShapedBatch(shape)) continue;
      const place = `input ${JSON.stringify(name.slice(0, 64))}`;
      this.#reading.miss(place, `numbers in the shape of an image, ${shape.slice(0, 6).join(' x ')}`);
    }
  }
}
