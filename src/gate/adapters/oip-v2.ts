import type { IncomingHttpHeaders } from 'node:http';
import { imageFormat } from '../reading/formats/image-format.ts';
import { fromBase64 } from './base64.ts';
import {
  elementsOf,
  JsonTextError,
  membersOf,
  parsed,
  resolvePointer,
  rootOf,
  type Span,
  stringOf,
  typeOf,
} from './json-text.ts';
import { type Extraction, ExtractionError } from './types.ts';

/** First letter of null. */
const N = 0x6e;

/** One entry of `inputs` or `outputs` of the Open Inference Protocol v2, with the positions of its parts in the text. */
export interface OipTensor {
  name: string;
  datatype: string;
  shape: number[];
  span: Span;
  shapeSpan: Span;
  /** The elements, if they are in the JSON text. */
  data: Span | undefined;
  /** The bytes, if they are in the binary section. */
  binary: Buffer | undefined;
}

/** The members of a tensor. Clients that serialise every field send null for absent ones. */
function presentMembers(text: Buffer, span: Span): Map<string, Span> {
  const present = [...membersOf(text, span)].filter(([, value]) => text[value.start] !== N);
  return new Map(present);
}

/** Whether a tensor of this shape has this number of elements. */
export const fitsShape = (shape: readonly number[], elements: number): boolean =>
  shape.every((n) => n >= 0) && shape.reduce((product, n) => product * n, 1) === elements;

/** @throws ExtractionError, JsonTextError */
export function tensorsOf(text: Buffer, key: 'inputs' | 'outputs', binary: Buffer = Buffer.alloc(0)): OipTensor[] {
  let at = 0;
  const tensors = resolvePointer(text, rootOf(text), `/${key}/*`).map((span): OipTensor => {
    const members = presentMembers(text, span);
    const shapeSpan = members.get('shape');
    const [name, datatype] = ['name', 'datatype'].map((m) => {
      const value = members.get(m);
      return value && typeOf(text, value) === 'string' ? stringOf(text, value) : '';
    }) as [string, string];
    if (!shapeSpan) throw new ExtractionError('undecodable', `a tensor of ${key} has no shape`);
    if (shapeSpan.end - shapeSpan.start > 512)
      throw new ExtractionError('undecodable', 'the shape of a tensor is too long');
    const shape = parsed(text, shapeSpan) as number[];
    if (!Array.isArray(shape) || !shape.every((n) => Number.isInteger(n) && n >= 0))
      throw new ExtractionError('undecodable', `the shape of ${name} is not a list of sizes`);
    const data = members.get('data');
    const parameters = members.get('parameters');
    const size = parameters && presentMembers(text, parameters).get('binary_data_size');
    let part: Buffer | undefined;
    if (size) {
      const length = parsed(text, size) as number;
      if (!Number.isInteger(length) || length < 0 || at + length > binary.length || data)
        throw new ExtractionError('undecodable', `the binary data of ${name} does not have the declared size`);
      part = binary.subarray(at, at + length);
      at += length;
    }
    return { name, datatype, shape, span, shapeSpan, data, binary: part };
  });
  if (at !== binary.length)
    throw new ExtractionError('undecodable', 'there is more binary data than the sizes declare');
  return tensors;
}

/** Most elements of a BYTES tensor; an empty one takes four bytes of the request and far more of memory. */
const MAX_ELEMENTS = 65_536;

/** Elements of a BYTES tensor: each is a length of four bytes, little-endian, followed by as many bytes. */
export function binaryElements(data: Buffer): Buffer[] {
  const elements: Buffer[] = [];
  for (let at = 0; at < data.length; ) {
    const length = at + 4 <= data.length ? data.readUInt32LE(at) : data.length;
    if (elements.length >= MAX_ELEMENTS)
      throw new ExtractionError('undecodable', `a BYTES tensor has more than ${MAX_ELEMENTS} elements`);
    if (at + 4 + length > data.length) throw new ExtractionError('undecodable', 'a BYTES element is cut off');
    elements.push(data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return elements;
}

/** The bytes of an image in a JSON string; undefined for any other text. */
type Decode = (text: string) => Buffer | undefined;

/** Strings of a JSON tensor, with any nesting of its rows. */
function jsonElements(text: Buffer, span: Span, decode: Decode): (Buffer | undefined)[] {
  if (typeOf(text, span) === 'array') return elementsOf(text, span).flatMap((e) => jsonElements(text, e, decode));
  return [typeOf(text, span) === 'string' ? decode(stringOf(text, span)) : undefined];
}

/** Splits a body into JSON text and binary section. */
export function splitBody(body: Buffer, headers: IncomingHttpHeaders): { text: Buffer; binary: Buffer } {
  const header = headers['inference-header-content-length'];
  if (header === undefined) return { text: body, binary: Buffer.alloc(0) };
  const length = typeof header === 'string' && /^\d+$/.test(header) ? Number(header) : Number.NaN;
  if (!(length <= body.length))
    throw new ExtractionError('undecodable', 'Inference-Header-Content-Length has a wrong value');
  return { text: body.subarray(0, length), binary: body.subarray(length) };
}

/**
 * The elements of the BYTES inputs of an inference request, for the service's own endpoint.
 * @throws ExtractionError undecodable where the body violates the protocol
 */
export function inferImages(body: Buffer, headers: IncomingHttpHeaders, decode: Decode = fromBase64): Extraction {
  if (headers['inference-header-content-length'] === '0')
    return { images: body.length === 0 ? [] : [{ id: 'body', bytes: body, instance: 0 }], instances: 1 };
  try {
    const { text, binary } = splitBody(body, headers);
    const candidates = tensorsOf(text, 'inputs', binary)
      .filter(({ datatype }) => datatype === 'BYTES')
      .map((tensor) => ({
        tensor,
        elements: tensor.binary
          ? binaryElements(tensor.binary)
          : tensor.data
            ? jsonElements(text, tensor.data, decode)
            : [],
      }));
    for (const { tensor, elements } of candidates) {
      if (fitsShape(tensor.shape, elements.length)) continue;
      throw new ExtractionError(
        'undecodable',
        `the input ${tensor.name.slice(0, 64)} has the shape [${tensor.shape.slice(0, 8).join()}] and ${elements.length} elements`,
      );
    }
    // of several BYTES inputs, those are images that contain an element that looks like one
    const chosen =
      candidates.length === 1 ? candidates : candidates.filter((c) => c.elements.some((e) => e && imageFormat(e)));
    const images = chosen.flatMap(({ tensor, elements }) =>
      elements.map((bytes, i) => ({ id: `${tensor.name}[${i}]`, bytes })),
    );
    return { images: images.map((image, instance) => ({ ...image, instance })), instances: images.length };
  } catch (error) {
    if (error instanceof JsonTextError)
      throw new ExtractionError('undecodable', `the JSON is malformed: ${error.message}`);
    throw error;
  }
}
