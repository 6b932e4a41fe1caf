import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { noise, waves } from './images.ts';

/** WordNet ids of three of ImageNet's classes, in order, with a line of LOC_synset_mapping.txt for each. */
export const SYNSETS = [
  'n01440764 tench, Tinca tinca',
  'n02084071 dog, domestic dog, Canis familiaris',
  'n04146614 school bus',
] as const;

const IDS = SYNSETS.map((line) => line.slice(0, 9));

/** Writes files below a folder; an image where the content is undefined. */
async function write(dir: string, files: Record<string, string | undefined>): Promise<void> {
  for (const [i, [path, text]] of Object.entries(files).entries()) {
    const file = join(dir, path);
    await mkdir(dirname(file), { recursive: true });
    const picture = i % 2 === 0 ? waves(80, 60, i) : noise(80, 60, i);
    await writeFile(file, text ?? (await picture.jpeg().toBuffer()));
  }
}

const pictures = (...paths: string[]) => Object.fromEntries(paths.map((p) => [p, undefined]));
const validation = (dir: string) => pictures(...IDS.map((id, i) => `${dir}/${id}/ILSVRC2012_val_0000000${i + 1}.JPEG`));

/** The layout of MOS, CLIPN, MCM and NegLabel; `Places` is left out. */
export const clipnTree = (dir: string) =>
  write(dir, {
    'LOC_synset_mapping.txt': `${SYNSETS.join('\n')}\nn09999999 not here\n`,
    ...validation('ImageNet/val'),
    ...pictures('ood_data/iNaturalist/images/1.jpg', 'ood_data/iNaturalist/images/2.jpg'),
    ...pictures('ood_data/SUN/images/sun_1.jpg', 'ood_data/Textures/dtd/images/banded/banded_1.jpg'),
    'ood_data/Textures/dtd/labels/train1.txt': 'banded/banded_1.jpg\n',
    ...pictures('ood_data/Textures/dtd/joint.jpg'),
  });

/** NegRefine's layout, with the archive of NINCO unpacked. */
export const cleanedTree = (dir: string) =>
  write(dir, {
    ...validation('ImageNet/val'),
    'ImageNet/LOC_synset_mapping.txt': SYNSETS.join('\n'),
    ...pictures('iNaturalist/images/1.jpg', 'openimage_o/images/2.jpg', 'NINCO/NINCO_OOD_classes/donuts/3.jpg'),
    ...pictures('NINCO/NINCO_popular_datasets_subsamples/Places/Places_000.jpg'),
    ...pictures('NINCO/NINCO_OOD_unit_tests/noise/4.jpg'),
  });

/** OpenOOD's layout with flat validation images, each list with one image less than its folder, and one that is not there. */
export const openoodTree = (dir: string) => {
  const list = (...lines: string[]) => `${lines.join('\n')}\n`;
  return write(dir, {
    'data/benchmark_imglist/imagenet/test_imagenet.txt': list(
      'imagenet_1k/val/ILSVRC2012_val_00000001.JPEG 2',
      'imagenet_1k/val/ILSVRC2012_val_00000002.JPEG 0',
      'imagenet_1k/val/ILSVRC2012_val_00000004.JPEG 1',
    ),
    ...pictures(...[1, 2, 3].map((i) => `data/images_largescale/imagenet_1k/val/ILSVRC2012_val_0000000${i}.JPEG`)),
    'data/benchmark_imglist/imagenet/test_ssb_hard.txt': list('ssb_hard/n1/1.JPEG -1', 'ssb_hard/n1/2.JPEG -1'),
    ...pictures(...[1, 2, 3].map((i) => `data/images_largescale/ssb_hard/n1/${i}.JPEG`)),
    'data/benchmark_imglist/imagenet/test_ninco.txt': list('ninco/donuts/1.jpg -1'),
    ...pictures('data/images_largescale/ninco/donuts/1.jpg', 'data/images_largescale/ninco/donuts/2.jpg'),
    'data/benchmark_imglist/imagenet/test_textures.txt': list('texture/banded/banded 1.jpg -1'),
    ...pictures('data/images_classic/texture/banded/banded 1.jpg', 'data/images_classic/texture/banded/banded 2.jpg'),
    ...pictures('data/images_largescale/inaturalist/images/1.jpg', 'data/images_largescale/inaturalist/images/2.jpg'),
  });
};
