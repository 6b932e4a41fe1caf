import { inEach, type Preset, type PresetSet } from './preset.ts';

const ROOTS = ['', 'data'];
const NEAR = 'near-OOD';
const FAR = 'far-OOD';

/** A set of OpenOOD's layout: its images in one of two folders, its list of test images beside them. */
function set(name: string, folder: string, list: string, more: Partial<PresetSet> = {}): PresetSet {
  const below = folder.slice(0, folder.indexOf('/'));
  return {
    name,
    places: inEach(ROOTS, [folder]),
    list: { file: `benchmark_imglist/imagenet/test_${list}.txt`, below },
    ...more,
  };
}

const VIT = 'CLIP ViT-B/16';

/**
 * OpenOOD v1.5's benchmark of ImageNet-1K. Where its image lists are beside the folders, exactly the listed images are measured: a part of
 * the validation images and of OpenImage-O is kept for choosing parameters there.
 */
export const OPENOOD: Preset = {
  name: 'openood',
  title: 'ImageNet-1K of OpenOOD v1.5: near SSB-hard and NINCO; far iNaturalist, Textures and OpenImage-O',
  id: set('ImageNet-1K', 'images_largescale/imagenet_1k/val', 'imagenet'),
  ood: [
    set('SSB-hard', 'images_largescale/ssb_hard', 'ssb_hard', { group: NEAR }),
    set('NINCO', 'images_largescale/ninco', 'ninco', { group: NEAR }),
    set('iNaturalist', 'images_largescale/inaturalist', 'inaturalist', { group: FAR }),
    set('Textures', 'images_classic/texture', 'textures', { group: FAR }),
    set('OpenImage-O', 'images_largescale/openimage_o', 'openimage_o', { group: FAR }),
  ],
  published: [
    {
      method: 'MCM',
      backbone: VIT,
      source: 1,
      fpr95: 'ood_accepted',
      figures: {
        'SSB-hard': [64.15, 89.43],
        NINCO: [69.85, 82.7],
        iNaturalist: [94.61, 30.91],
        Textures: [86.11, 57.77],
      },
    },
    {
      method: 'NegLabel',
      backbone: VIT,
      source: 1,
      fpr95: 'ood_accepted',
      figures: {
        'SSB-hard': [68.6, 87.57],
        NINCO: [73.79, 73.36],
        iNaturalist: [99.49, 1.91],
        Textures: [90.22, 43.56],
      },
    },
    {
      method: 'NegLabel',
      backbone: VIT,
      source: 2,
      fpr95: 'id_rejected',
      figures: { [NEAR]: [76.92, 68.18], [FAR]: [93.3, 27.34] },
    },
    {
      method: 'LogitGap',
      backbone: VIT,
      source: 3,
      fpr95: 'ood_accepted',
      figures: { NINCO: [null, 76.83] },
    },
  ],
  sources: [
    'Tables D and H of DualCnst (github.com/smlfy/fjutlfy); iNaturalist and Textures as in MCM (arXiv 2211.13445) and NegLabel (arXiv 2403.20078).',
    "ANTS (CVPR 2026, arXiv 2509.03951), as repeated in notes on the paper; measured with OpenOOD's evaluator, which disagrees with source 1.",
    'LogitGap (NeurIPS 2025), as repeated in notes on the paper. No figures of CLIPN on this benchmark could be confirmed.',
  ],
};
