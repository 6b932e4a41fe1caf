import { ServiceError } from '../../errors/index.ts';
import { binaryElements, ExtractionError, fitsShape } from '../../gate/index.ts';
import { checkedImages, type ImageLimits, knownOutputs } from '../../http/routes/oip/infer-request.ts';
import { OUTPUTS, type OutputName } from '../../http/schemas/oip.ts';

export interface InferParameter {
  bool_param?: boolean;
  int64_param?: number;
  string_param?: string;
}

export interface InferTensor {
  name: string;
  datatype: string;
  shape: number[];
  parameters?: Record<string, InferParameter>;
  contents?: { bytes_contents?: Uint8Array[]; fp32_contents?: number[] } | null;
}

export interface InferMessage {
  model_name: string;
  model_version: string;
  id: string;
  parameters: Record<string, InferParameter>;
  inputs: InferTensor[];
  outputs: { name: string; parameters: Record<string, InferParameter> }[];
  raw_input_contents: Uint8Array[];
}

const invalid = (detail: string) => new ServiceError('invalid_request', detail);
/** Most characters of a request's id, because the reply repeats it. */
const MAX_ID = 256;

/** The same bytes, not a copy. */
const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Elements of each input, from its own field or from the raw contents, of which there is one entry for each input. */
function elementsOf({
  inputs,
  raw_input_contents: raw,
}: InferMessage): { tensor: InferTensor; elements: Uint8Array[] }[] {
  if (raw.length > 0 && raw.length !== inputs.length) {
    throw invalid(`There are ${inputs.length} inputs and ${raw.length} raw contents.`);
  }
  return inputs.map((tensor, i) => {
    const own = tensor.contents?.bytes_contents ?? [];
    const bytes = raw[i];
    if (bytes !== undefined && own.length > 0) throw invalid('An input has contents and raw contents.');
    if (tensor.datatype !== 'BYTES') return { tensor, elements: [] };
    return { tensor, elements: bytes === undefined ? own : binaryElements(bufferOf(bytes)) };
  });
}

/**
 * Reads an inference request: its images, the rule, and the requested outputs.
 * @throws ServiceError invalid_request, no_image, too_many_images, payload_too_large
 */
export function readInferMessage(
  message: InferMessage,
  limits: ImageLimits,
): { images: Buffer[]; method: string | undefined; outputs: OutputName[] } {
  if (message.id.length > MAX_ID) throw invalid(`An id has at most ${MAX_ID} characters.`);
  const { outputs, parameters } = message;
  if (outputs.some((output) => output.parameters['classification'])) {
    throw invalid('The classification extension is not offered.');
  }
  let found: ReturnType<typeof elementsOf>;
  try {
    found = elementsOf(message).filter(({ tensor }) => tensor.datatype === 'BYTES');
  } catch (error) {
    if (error instanceof ExtractionError) throw invalid(`The inference request is malformed: ${error.message}.`);
    throw error;
  }
  for (const { tensor, elements } of found) {
    if (fitsShape(tensor.shape, elements.length)) continue;
    const shape = tensor.shape.slice(0, 8).join();
    throw invalid(`The input ${tensor.name.slice(0, 64)} has the shape [${shape}] and ${elements.length} elements.`);
  }
  const images = found.flatMap(({ tensor, elements }) =>
    elements.map((bytes, i) => ({ id: `${tensor.name.slice(0, 64)}[${i}]`, bytes: bufferOf(bytes) })),
  );
  return {
    images: checkedImages(images, limits),
    method: parameters['method']?.string_param,
    outputs: outputs.length === 0 ? OUTPUTS.map(({ name }) => name) : knownOutputs(outputs.map(({ name }) => name)),
  };
}
