import type { FastifyRequest } from 'fastify';
import { ServiceError } from '../../../errors/index.ts';
import type { ReceivedImage } from '../../../serving/detect-images.ts';
import type { DetectJsonBody } from '../../schemas/detect.ts';

export interface ReadLimits {
  maxImages: number;
  maxImageBytes: number;
  maxBodyBytes: number;
}

/**
 * Reads the images of a request from any of the body forms.
 * @throws ServiceError invalid_request, no_image, too_many_images, payload_too_large
 */
export async function readImages(request: FastifyRequest, limits: ReadLimits): Promise<ReceivedImage[]> {
  const images = request.isMultipart()
    ? await fromMultipart(request, limits)
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

async function fromMultipart(request: FastifyRequest, limits: ReadLimits): Promise<ReceivedImage[]> {
  try {
    return await readParts(request, limits);
  } catch (error) {
    // the form parser's own errors have no code: a truncated form, an invalid header
    if (error instanceof ServiceError || (error as { code?: string }).code?.startsWith('FST_')) throw error;
    if (/boundary not found/i.test(String(error))) {
      throw new ServiceError('unsupported_media_type', 'The content type multipart/form-data needs a boundary.', {
        cause: error,
      });
    }
    throw new ServiceError('invalid_request', 'The form is malformed or incomplete.', {
      internal: String(error),
      cause: error,
    });
  }
}

async function readParts(request: FastifyRequest, limits: ReadLimits): Promise<ReceivedImage[]> {
  const images: ReceivedImage[] = [];
  let total = 0;
  for await (const part of request.parts()) {
    if (part.type !== 'file') continue;
    if (images.length >= limits.maxImages) throw tooMany(limits);
    const bytes = await part.toBuffer();
    total += bytes.length;
    if (total > limits.maxBodyBytes) {
      throw new ServiceError(
        'payload_too_large',
        `The images of one request may have at most ${limits.maxBodyBytes} bytes together.`,
        {
          extra: { limit: limits.maxBodyBytes },
        },
      );
    }
    const id = (part.filename || part.fieldname || String(images.length)).slice(0, 256);
    images.push({ id, bytes: part.file.truncated ? tooLarge(limits) : bytes });
  }
  return images;
}

function fromRaw(body: Buffer, limits: ReadLimits): ReceivedImage[] {
  return [{ id: 'image', bytes: body.length > limits.maxImageBytes ? tooLarge(limits) : body }];
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function fromJson(body: DetectJsonBody | undefined, limits: ReadLimits): ReceivedImage[] {
  const images = body?.images ?? [];
  if (images.length > limits.maxImages) throw tooMany(limits);
  return images.map(({ id, data }, i) => ({ id: id ?? String(i), bytes: fromBase64(data, limits) }));
}

function fromBase64(data: string, limits: ReadLimits): Uint8Array | ServiceError {
  const comma = data.startsWith('data:') ? data.indexOf(',') : -1;
  const text = data.slice(comma + 1).replace(/\s+/g, '');
  // Buffer.from skips characters that are not base64, which would turn a mistake into another image
  if (!BASE64.test(text) || text.length % 4 === 1) {
    return new ServiceError('invalid_request', 'The data of this image is not base64.');
  }
  const bytes = Buffer.from(text, 'base64');
  return bytes.length > limits.maxImageBytes ? tooLarge(limits) : bytes;
}
