import { IMAGENET_VAL, inEach, type Preset } from './preset.ts';

/** Folders that CLIPN, MCM, NegLabel and CSP put the four sets of MOS (Huang and Li, CVPR 2021) into. */
const FOLDERS = ['', 'ood_data', 'ImageNet_OOD_dataset'];

const VIT = 'CLIP ViT-B/16';

/**
 * ImageNet-1K against the four sets that CLIPN and most later papers report. SUN, Places and Textures contain images of ImageNet's
 * classes (Bitterwolf et al., ICML 2023); the preset `cleaned` has sets without them.
 */
export const CLIPN: Preset = {
  name: 'clipn',
  title: 'ImageNet-1K against iNaturalist, SUN, Places and Textures (MOS)',
  id: { name: 'ImageNet-1K', places: IMAGENET_VAL, images: 50_000 },
  ood: [
    { name: 'iNaturalist', places: inEach(FOLDERS, ['iNaturalist']), images: 10_000 },
    { name: 'SUN', places: inEach(FOLDERS, ['SUN']), images: 10_000 },
    { name: 'Places', places: inEach(FOLDERS, ['Places']), images: 10_000 },
    {
      name: 'Textures',
      places: inEach(FOLDERS, ['Textures/dtd/images', 'dtd/images', 'Textures/images', 'Textures', 'dtd']),
      images: 5_640,
    },
  ],
  published: [
    {
      method: 'CLIPN-CTW',
      backbone: 'ViT-B/16 LAION-2B',
      source: 1,
      fpr95: 'ood_accepted',
      figures: {
        iNaturalist: [92.8, 24.41],
        SUN: [89.34, 33.09],
        Places: [87.34, 37.92],
        Textures: [79.75, 54.28],
        average: [87.31, 37.42],
      },
    },
    {
      method: 'CLIPN-ATD',
      backbone: 'ViT-B/16 LAION-2B',
      source: 1,
      fpr95: 'ood_accepted',
      figures: {
        iNaturalist: [96.2, 19.11],
        SUN: [94.18, 25.69],
        Places: [92.62, 32.11],
        Textures: [90.81, 40.91],
        average: [93.45, 29.46],
      },
    },
    {
      method: 'MCM',
      backbone: VIT,
      source: 2,
      fpr95: 'ood_accepted',
      figures: {
        iNaturalist: [94.61, 30.91],
        SUN: [92.57, 37.59],
        Places: [89.77, 44.69],
        Textures: [86.11, 57.77],
        average: [90.77, 42.74],
      },
    },
    {
      method: 'GL-MCM',
      backbone: VIT,
      source: 3,
      fpr95: 'ood_accepted',
      figures: {
        iNaturalist: [96.71, 15.16],
        SUN: [93.09, 30.42],
        Places: [89.9, 38.85],
        Textures: [83.63, 57.93],
        average: [90.83, 35.59],
      },
    },
    {
      method: 'NegLabel',
      backbone: VIT,
      source: 2,
      fpr95: 'ood_accepted',
      figures: {
        iNaturalist: [99.49, 1.91],
        SUN: [95.49, 20.53],
        Places: [91.64, 35.59],
        Textures: [90.22, 43.56],
        average: [94.21, 25.4],
      },
    },
    {
      method: 'CSP',
      backbone: VIT,
      source: 4,
      fpr95: 'ood_accepted',
      figures: {
        iNaturalist: [99.6, 1.54],
        SUN: [null, 13.66],
        Places: [null, 29.32],
        Textures: [null, 25.52],
        average: [95.76, 17.51],
      },
    },
    {
      method: 'NegRefine, seed 0',
      backbone: VIT,
      source: 5,
      fpr95: 'ood_accepted',
      figures: {
        iNaturalist: [99.57, 1.51],
        SUN: [94.64, 22.93],
        Places: [90.42, 39.1],
        Textures: [94.69, 21.15],
      },
    },
  ],
  sources: [
    'CLIPN (ICCV 2023, arXiv 2308.12213), README of github.com/xmed-lab/CLIPN, mean of three runs; the paper has 93.10 and 31.10 for ATD on average.',
    'MCM (NeurIPS 2022, arXiv 2211.13445) and NegLabel (ICLR 2024, arXiv 2403.20078), as repeated in the tables of DualCnst (github.com/smlfy/fjutlfy).',
    'GL-MCM (IJCV 2025, arXiv 2304.04521), as repeated in notes on the comparison of AMCN.',
    'CSP (NeurIPS 2024, arXiv 2410.08611), as repeated in notes on the comparisons of TANL, ANTS and NegRefine; AUROC on SUN, Places and Textures could not be confirmed.',
    'NegRefine (ICCV 2025, arXiv 2507.09795), README of github.com/ah-ansari/NegRefine, one seed; it gives no average.',
  ],
};
