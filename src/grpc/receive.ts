import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import type { FastifyRequest } from 'fastify';
import { deadlinePassed } from '../errors/deadline.ts';
import { ServiceError } from '../errors/index.ts';
import type { BodyBudget, Reservation } from '../http/bodies/budget.ts';

const HEAD = 5;
/** Longest time for the message of a call, milliseconds. */
const RECEIVE_MS = 60_000;

const DECODERS = { gzip: promisify(gunzip), deflate: promisify(inflate) };

const malformed = (why: string) => new ServiceError('invalid_request', `The call is malformed: ${why}.`);

/**
 * Receives the one message of a unary call. Its announced length is reserved in the budget of all bodies before the first byte
 * is kept. The limit of the call holds before and after decompression.
 * @throws ServiceError payload_too_large, overloaded, invalid_request, deadline_exceeded
 */
export async function receiveMessage(
  request: FastifyRequest,
  payload: NodeJS.ReadableStream,
  budget: BodyBudget,
): Promise<Buffer> {
  const most = request.routeOptions.bodyLimit;
  let reservation: Reservation | undefined;
  const reserve = (bytes: number) => {
    if (bytes > most) {
      throw new ServiceError('payload_too_large', `A message may have at most ${most} bytes.`, {
        extra: { limit: most },
      });
    }
    reservation = budget.reserve(bytes);
    request.raw.once('close', () => reservation?.release());
  };
  const { compressed, message } = await frame(payload, reserve);
  if (!compressed) return message;
  const coding = String(request.headers['grpc-encoding'] ?? 'identity');
  const decode = DECODERS[coding as keyof typeof DECODERS];
  if (!decode) throw malformed(`the message is compressed with ${coding.slice(0, 40)}, not with gzip or deflate`);
  reservation?.grow(most);
  const decoded = await decode(message, { maxOutputLength: most }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_BUFFER_TOO_LARGE') throw malformed(`the message is not ${coding}`);
    throw new ServiceError('payload_too_large', `A message may have at most ${most} bytes once decompressed.`);
  });
  reservation?.grow(decoded.length - most - message.length);
  return decoded;
}

interface Frame {
  compressed: boolean;
  message: Buffer;
}

/** Reads a flag, a length of four bytes, and the message; nothing may follow. @param reserve called with the length; may throw */
function frame(payload: NodeJS.ReadableStream, reserve: (bytes: number) => void): Promise<Frame> {
  return new Promise((resolve, reject) => {
    const head = Buffer.alloc(HEAD);
    let message: Buffer | undefined;
    let length = 0;
    const timer = setTimeout(() => {
      stop(deadlinePassed.messageLate(RECEIVE_MS / 1000));
    }, RECEIVE_MS);
    const stop = (error: unknown) => {
      clearTimeout(timer);
      payload.removeListener('data', take).removeListener('end', end);
      message = undefined;
      reject(error);
    };
    const take = (chunk: Buffer) => {
      try {
        let rest = chunk;
        if (!message) {
          const took = rest.copy(head, length);
          length += took;
          rest = rest.subarray(took);
          if (length < HEAD) return;
          if ((head[0] as number) > 1) throw malformed('the flag of the message is neither 0 nor 1');
          const announced = head.readUInt32BE(1);
          reserve(announced);
          message = Buffer.allocUnsafe(announced);
        }
        if (length + rest.length > HEAD + message.length) throw malformed('there is more than one message');
        rest.copy(message, length - HEAD);
        length += rest.length;
      } catch (error) {
        stop(error);
      }
    };
    const end = () => {
      if (!message || length < HEAD + message.length) return stop(malformed('the message ends early'));
      clearTimeout(timer);
      resolve({ compressed: head[0] === 1, message });
    };
    const left = () => stop(malformed('the connection ended'));
    payload.on('data', take).on('end', end).on('error', left).on('close', left).on('aborted', left);
  });
}
