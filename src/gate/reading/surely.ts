import { imageFormat } from './formats/image-format.ts';
import { smallImage } from './formats/small-images.ts';
import { isStrong } from './scan.ts';

/** The format of an image; one whose header random bytes match by chance must hold to its end. */
export function surely(bytes: Buffer): string | undefined {
  const found = imageFormat(bytes);
  return found && !isStrong(found.name) ? smallImage(bytes) : found?.name;
}
