import { ServiceError } from '../errors/index.ts';

/** The error of an image of more bytes than are accepted, however it arrives. */
export const imageTooLarge = (limit: number) =>
  new ServiceError('payload_too_large', `An image may have at most ${limit} bytes.`, { extra: { limit } });

/** The error of a request with more images than are accepted. */
export const tooManyImages = (limit: number) =>
  new ServiceError('too_many_images', `A request may have at most ${limit} images.`, { extra: { limit } });
