import { binaryElements, type OipTensor } from '../adapters/oip-v2.ts';
import { ExtractionError } from '../adapters/types.ts';
import type { Examiner } from './examiner.ts';
import { imageFormat } from './formats/image-format.ts';
import type { Reading, Steps } from './reading.ts';
import { Tensor as Numbers } from './tensor.ts';

/** Bytes of one number. */
const SIZES: Record<string, number> = {
  BOOL: 1,
  UINT8: 1,
  INT8: 1,
  UINT16: 2,
  INT16: 2,
  FP16: 2,
  BF16: 2,
  UINT32: 4,
  INT32: 4,
  FP32: 4,
  UINT64: 8,
  INT64: 8,
  FP64: 8,
};

/** Examines the binary sections of an inference request: BYTES elements as content, other tensors as numbers. */
export function* binarySections(tensors: readonly OipTensor[], examiner: Examiner, reading: Reading): Steps {
  for (const { name, datatype, shape, binary } of tensors) {
    if (!binary) continue;
    const place = `input ${JSON.stringify(name.slice(0, 64))}`;
    if (datatype === 'BYTES') {
      const elements = elementsOf(binary);
      if (!elements) reading.miss(place, 'elements that are cut off');
      for (const [element, bytes] of (elements ?? []).entries())
        yield* examiner.content(
          bytes,
          () => ({ place, tensor: { name, element, elements: elements?.length ?? 1 } }),
          1,
        );
      continue;
    }
    reading.spend(binary.length);
    const size = SIZES[datatype];
    if (size === undefined || shape.reduce((product, n) => product * n, size) !== binary.length)
      reading.miss(place, 'a number of values that differs from the shape');
    else if (imageFormat(binary)?.kind === 'judged') yield* examiner.content(binary, () => ({ place }), 1);
    else if (size === 1) {
      const numbers = new Numbers();
      for (const byte of binary) numbers.leaf(byte);
      const why = numbers.pixels(false);
      if (why) reading.miss(place, why);
    }
  }
}

function elementsOf(binary: Buffer): Buffer[] | undefined {
  try {
    return binaryElements(binary);
  } catch (error) {
    if (error instanceof ExtractionError) return undefined;
    throw error;
  }
}
