import type { FastifyRequest } from 'fastify';
import { ServiceError } from '../../../errors/index.ts';
import type { ReceivedImage } from '../../../serving/detect-images.ts';
import { bytesOfText } from '../../bodies/base64.ts';
import { readForm } from '../../bodies/form.ts';
import type { DetectJsonBody } from '../../schemas/detect.ts';

export interface ReadLimits {
  maxImages: number;
  maxImageBytes: number;
}

/** Longest id of an image in the reply, characters. */
const MOST_ID = 256;

/**
 * Reads the images of a request from any of the body forms.
 * @throws ServiceError invalid_request, no_image, too_many_images, payload_too_large
 */
export async function readImages(request: FastifyRequest, limits: ReadLimits): Promise<ReceivedImage[]> {
  const images = request.form
    ? await fromForm(request, limits)
    : Buffer.isBuffer(request.body)
      ? fromRaw(request.body, limits)
      : fromJson(request.body as DetectJsonBody | undefined, limits);
  if (images.length === 0) {
    throw new ServiceError(
      'no_image',
      'There is no image in the request: send a file part, an image body, or {"images": [...]}.',
    );
  }
  return images.map((image) =>
    image.bytes instanceof Uint8Array && image.bytes.length === 0 ? { ...image, bytes: empty() } : image,
  );
}

function empty(): ServiceError {
  return new ServiceError('no_image', 'The image is empty.');
}

function tooMany({ maxImages }: ReadLimits): ServiceError {
  return new ServiceError('too_many_images', `A request may have at most ${maxImages} images.`, {
    extra: { limit: maxImages },
  });
}

function tooLarge({ maxImageBytes }: ReadLimits): ServiceError {
  return new ServiceError('payload_too_large', `An image may have at most ${maxImageBytes} bytes.`, {
    extra: { limit: maxImageBytes },
  });
}

async function fromForm(request: FastifyRequest, limits: ReadLimits): Promise<ReceivedImage[]> {
  const files = await readForm(request, request.form as NonNullable<typeof request.form>, {
    maxFiles: limits.maxImages,
    maxFileBytes: limits.maxImageBytes,
    tooMany: () => tooMany(limits),
    fileTooLarge: () => tooLarge(limits),
  });
  return files.map(({ field, filename, bytes }, i) => ({
    id: (filename || field || String(i)).slice(0, MOST_ID),
    bytes,
  }));
}

function fromRaw(body: Buffer, limits: ReadLimits): ReceivedImage[] {
  return [{ id: 'image', bytes: body.length > limits.maxImageBytes ? tooLarge(limits) : body }];
}

function fromJson(body: DetectJsonBody | undefined, limits: ReadLimits): ReceivedImage[] {
  const images = body?.images ?? [];
  if (images.length > limits.maxImages) throw tooMany(limits);
  return images.map(({ id, data }, i) => ({ id: id ?? String(i), bytes: fromText(data, limits) }));
}

function fromText(data: string, limits: ReadLimits): Uint8Array | ServiceError {
  const bytes = bytesOfText(data);
  if (!bytes) return new ServiceError('invalid_request', 'The data of this image is not base64.');
  return bytes.length > limits.maxImageBytes ? tooLarge(limits) : bytes;
}
