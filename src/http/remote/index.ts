import { s3Of } from '../../config/s3.ts';
import { AllowList } from '../../outgoing/allow-list.ts';
import { refused } from './errors.ts';
import { type FetchOptions, fetchImage } from './fetch.ts';

/** Fetches images by their addresses. */
export type FetchImage = (
  address: string,
  options: Pick<FetchOptions, 'maxBytes' | 'timeoutMs' | 'signal' | 'reserve'>,
) => Promise<Buffer>;

/** @param setting `CLIPN_IMAGE_URLS`; where it is empty every address is refused */
export function remoteImages(setting: string, env: NodeJS.ProcessEnv): FetchImage {
  const list = new AllowList(setting);
  if (list.isEmpty) {
    return async () => {
      throw refused('This service fetches no images: CLIPN_IMAGE_URLS is not set. Send the image itself as "data".');
    };
  }
  const s3 = s3Of(env);
  return (address, options) => fetchImage(address, { ...options, list, s3 });
}
