import type { IncomingHttpHeaders } from 'node:http';
import type { AdapterName } from '../config/schema.ts';
import { anyJson, kserveV1, tfServing } from './instances.ts';
import { json } from './json.ts';
import { JsonTextError, membersOf, rootOf } from './json-text.ts';
import { multipart } from './multipart.ts';
import { oipV2, tritonRaw } from './oip-v2.ts';
import { raw } from './raw.ts';
import { looksLikeImage } from './sniff.ts';
import { type Adapter, type AdapterOptions, type Extraction, ExtractionError } from './types.ts';

export { type AdapterOptions, type Extraction, ExtractionError, type Filter, type FoundImage } from './types.ts';

const mediaType = (headers: IncomingHttpHeaders) =>
  (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() as string;

const isJson = (type: string) => type === 'application/json' || type.endsWith('+json');

/** TorchServe takes an image as it is, as a form, or as JSON. */
const torchserve: Adapter = (body, headers, options) => {
  const type = mediaType(headers);
  if (type === 'multipart/form-data') return multipart(body, headers, options);
  return isJson(type) ? kserveV1(body, headers, options) : raw(body, headers, options);
};

/** By content type, then by what the body shows itself to be. */
const auto: Adapter = (body, headers, options) => {
  const type = mediaType(headers);
  if (type === 'multipart/form-data') return multipart(body, headers, options);
  if (headers['inference-header-content-length'] !== undefined) return oipV2(body, headers, options);
  if (type.startsWith('image/') || looksLikeImage(body)) return raw(body, headers, options);
  const first = body.toString('latin1', 0, 64).trimStart()[0];
  if (!isJson(type) && first !== '{' && first !== '[') return { images: [], instances: 0 };
  const members = membersOf(body, rootOf(body));
  const v2 = members.has('inputs') && !members.has('instances') && isTensors(body);
  return v2 ? oipV2(body, headers, options) : anyJson(body, headers, options);
};

/** `inputs` of v2 is a list of tensors, that of TensorFlow Serving columns. */
function isTensors(body: Buffer): boolean {
  return /"datatype"\s*:/.test(body.toString('latin1', 0, Math.min(body.length, 1 << 16)));
}

const ADAPTERS: Record<AdapterName, Adapter> = {
  auto,
  raw,
  multipart,
  json,
  'tf-serving': tfServing,
  'kserve-v1': kserveV1,
  'oip-v2': oipV2,
  'triton-raw': tritonRaw,
  torchserve,
};

/**
 * The images of a body.
 * @throws ExtractionError undecodable where the body is not what the protocol says, too_large where it has too much in it
 */
export async function extract(
  name: AdapterName,
  body: Buffer,
  headers: IncomingHttpHeaders,
  options: AdapterOptions,
): Promise<Extraction> {
  try {
    return await ADAPTERS[name](body, headers, options);
  } catch (error) {
    if (error instanceof JsonTextError)
      throw new ExtractionError('undecodable', `the JSON is malformed: ${error.message}`);
    throw error;
  }
}
