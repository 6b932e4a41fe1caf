import type { FastifyRequest } from 'fastify';
import pLimit from 'p-limit';
import { ServiceError } from '../../errors/index.ts';
import type { ReceivedImage } from '../../serving/detect-images.ts';
import { askedTimeoutMs } from '../admission.ts';
import { imageTooLarge, tooManyImages } from '../image-limits.ts';
import type { FetchImage } from '../remote/index.ts';
import type { DetectJsonBody } from '../schemas/detect.ts';
import { bytesOfText } from './base64.ts';
import { readForm } from './form.ts';

export interface ReadLimits {
  maxImages: number;
  maxImageBytes: number;
  /** Fields of a form that are read as text. */
  fields?: ReadonlyMap<string, (text: string) => void>;
  /** Whether a request without an image is valid. */
  optional?: boolean;
}

/** How images are fetched that a request names by their addresses; the signal ends it when the client has left. */
export interface Remote {
  fetchImage: FetchImage;
  signal: AbortSignal;
}

/** Longest id of an image in the reply, characters. */
const MOST_ID = 256;

/**
 * Reads the images of a request from any of the body forms.
 * @throws ServiceError invalid_request, no_image, too_many_images, payload_too_large
 */
export async function readImages(
  request: FastifyRequest,
  limits: ReadLimits,
  remote: Remote,
): Promise<ReceivedImage[]> {
  const images = request.isMultipart()
    ? await fromForm(request, limits)
    : Buffer.isBuffer(request.body)
      ? fromRaw(request.body, limits)
      : await fromJson(request, limits, remote);
  if (images.length === 0 && !limits.optional) {
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

async function fromForm(request: FastifyRequest, limits: ReadLimits): Promise<ReceivedImage[]> {
  const files = await readForm(request, request.unread as NonNullable<typeof request.unread>, {
    maxFiles: limits.maxImages,
    maxFileBytes: limits.maxImageBytes,
    tooMany: () => tooManyImages(limits.maxImages),
    fileTooLarge: () => imageTooLarge(limits.maxImageBytes),
    fields: limits.fields,
  });
  return files.map(({ field, filename, bytes }, i) => ({
    id: (filename || field || String(i)).slice(0, MOST_ID),
    bytes,
  }));
}

function fromRaw(body: Buffer, limits: ReadLimits): ReceivedImage[] {
  return [{ id: 'image', bytes: body.length > limits.maxImageBytes ? imageTooLarge(limits.maxImageBytes) : body }];
}

/** Images of one request that are fetched at once. */
const FETCHES = 4;

async function fromJson(
  request: FastifyRequest,
  limits: ReadLimits,
  { fetchImage, signal }: Remote,
): Promise<ReceivedImage[]> {
  const images = (request.body as DetectJsonBody | undefined)?.images ?? [];
  if (images.length > limits.maxImages) throw tooManyImages(limits.maxImages);
  const options = { maxBytes: limits.maxImageBytes, timeoutMs: timeoutOf(request), signal, reserve: totalOf(request) };
  const turn = pLimit(FETCHES);
  return Promise.all(
    images.map(async ({ id, data, url }, i) => {
      const name = id ?? String(i);
      if ((data === undefined) === (url === undefined)) throw eitherOne(i);
      if (data !== undefined) return { id: name, bytes: fromText(data, limits) };
      const bytes = await turn(() => fetchImage(url as string, options)).catch((error) => error as ServiceError);
      return { id: name, bytes };
    }),
  );
}

const eitherOne = (i: number) =>
  new ServiceError('invalid_request', `The request is not valid: images[${i}] needs either "data" or "url".`);

function timeoutOf({ headers, server }: FastifyRequest): number {
  const { imageUrlTimeoutMs } = server.config;
  return Math.min(askedTimeoutMs(headers) ?? imageUrlTimeoutMs, imageUrlTimeoutMs);
}

/** Counts the fetched bytes of a request, which together are bounded like a body. */
function totalOf({ server, reservation }: FastifyRequest): (bytes: number) => void {
  const { maxBodyBytes } = server.config;
  let total = 0;
  return (bytes) => {
    total += bytes;
    if (total > maxBodyBytes) {
      throw new ServiceError(
        'payload_too_large',
        `The images of one request may have at most ${maxBodyBytes} bytes together.`,
        { extra: { limit: maxBodyBytes } },
      );
    }
    reservation?.grow(bytes);
  };
}

function fromText(data: string, limits: ReadLimits): Uint8Array | ServiceError {
  const bytes = bytesOfText(data);
  if (!bytes) return new ServiceError('invalid_request', 'The data of this image is not base64.');
  return bytes.length > limits.maxImageBytes ? imageTooLarge(limits.maxImageBytes) : bytes;
}
