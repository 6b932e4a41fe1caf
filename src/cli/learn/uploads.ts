import { basename } from 'node:path';
import { ServiceError } from '../../errors/index.ts';
import { expandFiles, imageOf } from '../detect/files.ts';
import { tellLeftOut } from '../left-out.ts';
import { pathArguments } from '../path-arguments.ts';

/** Most images and bytes of one request; below the defaults of CLIPN_MAX_IMAGES and CLIPN_MAX_BODY_BYTES. */
const MOST_IMAGES = 50;
const MOST_BYTES = 24 * 2 ** 20;

/** Images of one request. */
export interface Upload {
  form: FormData;
  images: number;
}

/**
 * The images of files and folders as forms, each small enough for one request.
 * @throws ServiceError no_image, invalid_request for a file that cannot be read; UsageError
 */
export async function* uploadsOf(paths: string[]): AsyncGenerator<Upload> {
  const { files, leftOut } = await expandFiles(pathArguments(paths));
  tellLeftOut(leftOut);
  if (files.length === 0) throw new ServiceError('no_image', 'None of the given files and folders has an image.');
  let [form, images, size] = [new FormData(), 0, 0];
  for (const file of files) {
    const { bytes } = await imageOf(file);
    if (bytes instanceof ServiceError) throw bytes;
    if (images > 0 && (images === MOST_IMAGES || size + bytes.length > MOST_BYTES)) {
      yield { form, images };
      [form, images, size] = [new FormData(), 0, 0];
    }
    form.append('file', new Blob([bytes as Uint8Array<ArrayBuffer>]), basename(file));
    images++;
    size += bytes.length;
  }
  yield { form, images };
}
