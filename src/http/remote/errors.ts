import { ServiceError } from '../../errors/index.ts';

/** The address may not be used. The text is the same for every private address, so that it reveals nothing about a network. */
export const refused = (detail: string, internal?: string) =>
  new ServiceError('image_url_refused', detail, internal === undefined ? {} : { internal });

/** The image could not be fetched from an address that may be used. */
export const notFetched = (detail: string, cause?: unknown) =>
  new ServiceError('image_not_fetched', detail, cause === undefined ? {} : { internal: String(cause), cause });

export const notListed = () =>
  refused('The address of the image is not one from which this service fetches (CLIPN_IMAGE_URLS).');

export const privateAddress = (host: string) =>
  refused('The host of the image does not have a public address.', `${host.slice(0, 255)} has a private address`);

const REASONS: Record<string, string> = {
  ENOTFOUND: 'The host name of the image is unknown.',
  EAI_AGAIN: 'The host name of the image could not be looked up.',
  ABORT_ERR: 'The image did not arrive in time.',
  ECONNREFUSED: 'The host of the image refused the connection.',
};

/** The error of a request for an image, whatever it was. */
export function fetchError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const { code, name } = error as { code?: unknown; name?: unknown };
  const late = name === 'TimeoutError' || name === 'AbortError';
  const known = REASONS[late ? 'ABORT_ERR' : String(code)];
  return notFetched(known ?? 'The image could not be fetched from its host.', error);
}
