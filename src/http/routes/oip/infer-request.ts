import type { IncomingHttpHeaders } from 'node:http';
import { ServiceError } from '../../../errors/index.ts';
import { type Extraction, ExtractionError, type FoundImage, inferImages } from '../../../gate/index.ts';
import { bytesOfText } from '../../bodies/base64.ts';
import { textOfJson } from '../../bodies/json-text.ts';
import { imageTooLarge, tooManyImages } from '../../image-limits.ts';
import { OUTPUTS, type OutputName } from '../../schemas/oip.ts';

export interface WantedOutput {
  name: OutputName;
  binary: boolean;
}

export interface InferRequest {
  id: string | undefined;
  images: Buffer[];
  method: unknown;
  outputs: WantedOutput[];
}

/** Most characters of a request's id, because the reply repeats it. */
const MAX_ID = 256;

type Json = Record<string, unknown>;
const invalid = (detail: string) => new ServiceError('invalid_request', detail);
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The JSON before the binary section. Triton's raw binary requests have none. */
function header(body: Buffer, headers: IncomingHttpHeaders): Json {
  const length = headers['inference-header-content-length'];
  if (length === '0') return {};
  const text = textOfJson(body.subarray(0, length === undefined ? body.length : Number(length)));
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // the error follows below
  }
  throw invalid('The body is not the JSON of an inference request; see /v2/models/{tenant}.');
}

function wanted({ parameters, outputs }: Json): WantedOutput[] {
  const all = isObject(parameters) && parameters['binary_data_output'] === true;
  // clients that serialise every field send null for absent ones
  if (outputs === undefined || outputs === null) return OUTPUTS.map(({ name }) => ({ name, binary: all }));
  if (!Array.isArray(outputs)) throw invalid('outputs is not a list.');
  const asked = outputs.map((output: unknown) => (isObject(output) ? output : {}));
  return knownOutputs(asked.map(({ name }) => name)).map((name, i) => {
    const own = asked[i]?.['parameters'];
    const options = isObject(own) ? own : {};
    if (options['classification']) throw invalid('The classification extension is not offered.');
    return { name, binary: (options['binary_data'] ?? all) === true };
  });
}

/** Checks the names of requested outputs. @throws ServiceError invalid_request */
export function knownOutputs(names: readonly unknown[]): OutputName[] {
  if (names.length > OUTPUTS.length)
    throw invalid(`There are ${OUTPUTS.length} outputs, and each may be requested once.`);
  return names.map((name) => {
    const known = OUTPUTS.find((o) => o.name === name);
    if (known) return known.name;
    const all = OUTPUTS.map((o) => o.name).join(', ');
    throw invalid(`There is no output ${JSON.stringify(name ?? null).slice(0, 100)}; there are ${all}.`);
  });
}

function inputsOf(body: Buffer, headers: IncomingHttpHeaders): Extraction {
  try {
    return inferImages(body, headers, bytesOfText);
  } catch (error) {
    if (error instanceof ExtractionError) throw invalid(`The inference request is malformed: ${error.message}.`);
    throw error;
  }
}

export interface ImageLimits {
  maxImages: number;
  maxImageBytes: number;
}

/** @throws ServiceError no_image, too_many_images, invalid_request, payload_too_large */
export function checkedImages(found: readonly Pick<FoundImage, 'id' | 'bytes'>[], limits: ImageLimits): Buffer[] {
  const { maxImages, maxImageBytes } = limits;
  if (found.length === 0) {
    throw new ServiceError('no_image', 'The request contains no image. Send an input of datatype BYTES.');
  }
  if (found.length > maxImages) {
    throw tooManyImages(maxImages);
  }
  return found.map(({ id, bytes }) => {
    if (!bytes || bytes.length === 0) throw invalid(`${id} is not an image: in JSON it would be base64.`);
    if (bytes.length > maxImageBytes) throw imageTooLarge(maxImageBytes);
    return bytes;
  });
}

/** @throws ServiceError invalid_request, no_image, too_many_images, payload_too_large */
export async function readInferRequest(
  body: Buffer | undefined,
  headers: IncomingHttpHeaders,
  limits: ImageLimits,
): Promise<InferRequest> {
  if (!body || body.length === 0) throw invalid('There is no body.');
  const json = header(body, headers);
  const images = checkedImages(inputsOf(body, headers).images, limits);
  const { id } = json;
  if (typeof id === 'string' && id.length > MAX_ID) throw invalid(`An id has at most ${MAX_ID} characters.`);
  return {
    id: typeof id === 'string' ? id : undefined,
    images,
    method: isObject(json['parameters']) ? json['parameters']['method'] : undefined,
    outputs: wanted(json),
  };
}
