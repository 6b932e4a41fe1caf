import type { IncomingHttpHeaders } from 'node:http';
import { ServiceError } from '../../../errors/index.ts';
import { type Extraction, ExtractionError, inferImages } from '../../../gate/index.ts';
import { OUTPUTS, type OutputName } from '../../schemas/oip.ts';

interface WantedOutput {
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
  try {
    const value: unknown = JSON.parse(body.toString('utf8', 0, length === undefined ? body.length : Number(length)));
    if (isObject(value)) return value;
  } catch {
    // the error follows below
  }
  throw invalid('The body is not the JSON of an inference request; see /v2/models/{tenant}.');
}

function wanted({ parameters, outputs }: Json): WantedOutput[] {
  const all = isObject(parameters) && parameters['binary_data_output'] === true;
  if (outputs === undefined) return OUTPUTS.map(({ name }) => ({ name, binary: all }));
  if (!Array.isArray(outputs)) throw invalid('outputs is not a list.');
  if (outputs.length > OUTPUTS.length)
    throw invalid(`There are ${OUTPUTS.length} outputs, and each may be requested once.`);
  return outputs.map((output: unknown) => {
    const { name, parameters: own } = isObject(output) ? output : ({} as Json);
    const known = OUTPUTS.find((o) => o.name === name);
    if (!known) {
      const names = OUTPUTS.map((o) => o.name).join(', ');
      throw invalid(`There is no output ${JSON.stringify(name ?? null).slice(0, 100)}; there are ${names}.`);
    }
    const options = isObject(own) ? own : {};
    if (options['classification']) throw invalid('The classification extension is not offered.');
    return { name: known.name, binary: (options['binary_data'] ?? all) === true };
  });
}

function inputsOf(body: Buffer, headers: IncomingHttpHeaders): Extraction {
  try {
    return inferImages(body, headers);
  } catch (error) {
    if (error instanceof ExtractionError) throw invalid(`The inference request is malformed: ${error.message}.`);
    throw error;
  }
}

/** @throws ServiceError invalid_request, no_image, too_many_images, payload_too_large */
export async function readInferRequest(
  body: Buffer | undefined,
  headers: IncomingHttpHeaders,
  limits: { maxImages: number; maxImageBytes: number },
): Promise<InferRequest> {
  if (!body || body.length === 0) throw invalid('There is no body.');
  const json = header(body, headers);
  const found = inputsOf(body, headers);
  if (found.images.length === 0) {
    throw new ServiceError('no_image', 'The request contains no image. Send an input of datatype BYTES.');
  }
  if (found.images.length > limits.maxImages) {
    throw new ServiceError('too_many_images', `A request may have at most ${limits.maxImages} images.`, {
      extra: { limit: limits.maxImages },
    });
  }
  const images = found.images.map(({ id, bytes }) => {
    if (!bytes || bytes.length === 0) throw invalid(`${id} is not an image: in JSON it would be base64.`);
    if (bytes.length > limits.maxImageBytes) {
      throw new ServiceError('payload_too_large', `An image may have at most ${limits.maxImageBytes} bytes.`, {
        extra: { limit: limits.maxImageBytes },
      });
    }
    return bytes;
  });
  const { id } = json;
  if (typeof id === 'string' && id.length > MAX_ID) throw invalid(`An id has at most ${MAX_ID} characters.`);
  return {
    id: typeof id === 'string' ? id : undefined,
    images,
    method: isObject(json['parameters']) ? json['parameters']['method'] : undefined,
    outputs: wanted(json),
  };
}
