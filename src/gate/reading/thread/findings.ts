import { defined } from '../../../defined.ts';
import { plannedFilter } from '../../adapters/planned-filter.ts';
import type { ReadRequest } from '../index.ts';
import type { Findings, ImageBytes } from './protocol.ts';

/** Turns a reading into a message, with the buffers that go with it. @param body the body as it was received */
export function packed({ extraction, unexamined }: ReadRequest, body: Buffer): [Findings, ArrayBuffer[]] {
  const own = new Set<ArrayBuffer>();
  const bytesOf = (bytes: Buffer | undefined): ImageBytes => {
    if (!bytes) return undefined;
    if (bytes.buffer === body.buffer) {
      const start = bytes.byteOffset - body.byteOffset;
      return { start, end: start + bytes.length };
    }
    // a short one shares its buffer with others
    const alone = bytes.length === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
    own.add(alone.buffer as ArrayBuffer);
    return new Uint8Array(alone.buffer as ArrayBuffer, alone.byteOffset, alone.length);
  };
  const { images, instances, droppable, filter } = extraction;
  const sent = images.map(({ id, instance, bytes }) => ({ id, instance, bytes: bytesOf(bytes) }));
  return [{ images: sent, instances, droppable, filter: filter?.plan, unexamined }, [...own]];
}

/** The reading that such a message stands for. @param body the same body in this thread */
export function unpackedFindings({ images, filter, ...found }: Findings, body: Buffer): ReadRequest {
  const bytesOf = (bytes: ImageBytes): Buffer | undefined => {
    if (bytes === undefined) return undefined;
    return 'start' in bytes
      ? body.subarray(bytes.start, bytes.end)
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  };
  return {
    extraction: {
      images: images.map((image) => ({ ...image, bytes: bytesOf(image.bytes) })),
      instances: found.instances,
      ...defined({ droppable: found.droppable }),
      ...(filter && { filter: plannedFilter(body, filter) }),
    },
    unexamined: found.unexamined,
  };
}
