import type { Readable } from 'node:stream';
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy';
import type { FastifyRequest } from 'fastify';
import { ServiceError } from '../../errors/index.ts';
import { fromBase64 } from './base64.ts';
import { stopDecoding, unreadable } from './coding.ts';
import { tooLarge } from './collect.ts';

/** Largest number of fields that are skipped. A form of more parts is refused, because each costs time. */
const MOST_FIELDS = 1000;
/** Base64 with line breaks is larger than its bytes by at most this factor. */
const BASE64_GROWTH = 1.4;

export interface FormFile {
  /** Name of the form field. */
  field: string;
  /** Undefined where the part has none. */
  filename: string | undefined;
  bytes: Buffer | ServiceError;
}

export interface FormLimits {
  maxFiles: number;
  maxFileBytes: number;
  /** The errors of a file or a form over these limits. */
  tooMany(): ServiceError;
  fileTooLarge(): ServiceError;
  /** Fields that are read as text, though they are no files. */
  fields?: ReadonlyMap<string, (text: string) => void> | undefined;
}

/**
 * Reads the files of a form. A part is a file if it has a file name or the type of an image. Other parts are skipped,
 * so that a field of any name, type and length leaves the request valid. An input in which no file was chosen (no name and no
 * bytes) is no file.
 * @throws ServiceError payload_too_large, too_many_images, unsupported_media_type (no boundary), invalid_request
 */
export function readForm(request: FastifyRequest, payload: Readable, limits: FormLimits): Promise<FormFile[]> {
  const { bodyLimit } = request.routeOptions;
  if (payload.destroyed) return Promise.reject(unreadable(request, payload.errored ?? 'closed'));
  return new Promise((resolve, reject) => {
    const files: Promise<FormFile>[] = [];
    const parser = parserOf(request, limits);
    let over = false;
    let received = 0;
    let named = 0;
    const stop = (error: ServiceError) => {
      if (over) return;
      over = true;
      payload.unpipe(parser);
      stopDecoding(request, payload);
      reject(error);
    };
    parser.on('file', (field, stream, filename: string | undefined, encoding) => {
      if (filename && ++named > limits.maxFiles) return stop(limits.tooMany());
      const file = readFile(stream, encoding, limits).then((bytes) => ({ field, filename, bytes }));
      file.catch((error) => stop(malformed(error)));
      files.push(file);
    });
    parser.on('partsLimit', () => stop(tooManyParts()));
    parser.on('error', (error) => stop(malformed(error)));
    parser.on('finish', async () => {
      const found = (await Promise.all(files)).filter((file) => !untouched(file) && !taken(file, limits));
      if (found.length > limits.maxFiles) return stop(limits.tooMany());
      if (!over) resolve(found);
      over = true;
    });
    payload.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received > bodyLimit) return stop(tooLarge(bodyLimit));
      try {
        request.reservation?.cover(received);
      } catch (error) {
        stop(error as ServiceError);
      }
    });
    payload.on('error', (error) => stop(unreadable(request, error)));
    payload.on('close', () => {
      if (!payload.readableEnded) stop(unreadable(request, 'closed'));
    });
    payload.pipe(parser);
  });
}

/** An input in which no file was chosen. */
const untouched = ({ filename, bytes }: FormFile) => !filename && Buffer.isBuffer(bytes) && bytes.length === 0;

/** Whether the part is a field that is read as text; it is then passed on. */
function taken({ field, filename, bytes }: FormFile, { fields }: FormLimits): boolean {
  const take = filename === undefined && Buffer.isBuffer(bytes) ? fields?.get(field) : undefined;
  take?.((bytes as Buffer).toString());
  return take !== undefined;
}

function parserOf({ headers }: FastifyRequest, { maxFiles, fields }: FormLimits): BusboyInstance {
  try {
    return new Busboy({
      headers: headers as BusboyHeaders,
      limits: { fields: 0, parts: maxFiles + MOST_FIELDS },
      isPartAFile: (name, type, filename) =>
        filename !== undefined ||
        fields?.has(String(name)) ||
        /^(image\/|application\/octet-stream$)/i.test(String(type)),
    });
  } catch (error) {
    throw new ServiceError('unsupported_media_type', 'The content type multipart/form-data needs a boundary.', {
      cause: error,
    });
  }
}

async function readFile(stream: Readable, encoding: string, limits: FormLimits): Promise<Buffer | ServiceError> {
  const base64 = encoding.trim().toLowerCase() === 'base64';
  const most = base64 ? limits.maxFileBytes * BASE64_GROWTH : limits.maxFileBytes;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += (chunk as Buffer).length;
    if (length > most) chunks.length = 0;
    else chunks.push(chunk as Buffer);
  }
  if (length > most) return limits.fileTooLarge();
  const body = Buffer.concat(chunks);
  if (!base64) return /^(7bit|8bit|binary)$/i.test(encoding.trim()) ? body : unknownEncoding();
  const bytes = fromBase64(body.toString('latin1'));
  if (bytes && bytes.length > limits.maxFileBytes) return limits.fileTooLarge();
  return bytes ?? new ServiceError('invalid_request', 'The part is not base64, as its Content-Transfer-Encoding says.');
}

const unknownEncoding = () =>
  new ServiceError(
    'invalid_request',
    'The Content-Transfer-Encoding of the part is not accepted; send the file as it is (binary) or as base64.',
  );

const tooManyParts = () =>
  new ServiceError('invalid_request', `There are more than ${MOST_FIELDS} fields in the form.`);

const malformed = (error: unknown) =>
  new ServiceError('invalid_request', 'The form is malformed or incomplete.', {
    internal: String(error),
    cause: error,
  });
