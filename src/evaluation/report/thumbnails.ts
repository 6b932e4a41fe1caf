import sharp from 'sharp';
import { inFolder } from '../../storage/walk.ts';
import { readImageFile } from '../image-files.ts';
import type { Results } from '../results.ts';

const SIDE = 128;

export const thumbnailKey = ({ set, path }: { set: string; path: string }) => `${set}\0${path}`;

/**
 * Small JPEGs as data URLs for all mistakes in the results, by `thumbnailKey`: the centre square that the model receives,
 * with the stored orientation ignored as there. The engine process has decoded all of these images before. An image that cannot be read any
 * more has no picture.
 */
export async function thumbnails(results: Results, dirs: Map<string, string>): Promise<Map<string, string>> {
  const pictures = new Map<string, string>();
  for (const { id_rejected, ood_accepted } of Object.values(results.worst)) {
    for (const mistake of [...id_rejected, ...ood_accepted]) {
      const key = thumbnailKey(mistake);
      if (pictures.has(key)) continue;
      try {
        const jpeg = await sharp(await readImageFile(inFolder(dirs.get(mistake.set) as string, mistake.path)), {
          limitInputPixels: results.settings.max_pixels,
        })
          .resize(SIDE, SIDE, { fit: 'cover' })
          .flatten({ background: '#ffffff' })
          .toColourspace('srgb')
          .jpeg({ quality: 70 })
          .toBuffer();
        pictures.set(key, `data:image/jpeg;base64,${jpeg.toString('base64')}`);
      } catch {
        // removed or changed since it was judged: its entry in the report has no picture
      }
    }
  }
  return pictures;
}
