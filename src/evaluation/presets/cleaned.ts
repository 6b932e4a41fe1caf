import { IMAGENET_VAL, inEach, type Preset } from './preset.ts';

const FOLDERS = ['', 'ood_data', 'ImageNet_OOD_dataset', 'images_largescale'];
const NINCO = ['', 'NINCO', 'ImageNet_OOD_dataset/NINCO'];

const VIT = 'CLIP ViT-B/16';

/**
 * ImageNet-1K against the four sets that NegRefine uses because they hold few or no images of ImageNet's classes:
 * iNaturalist, OpenImage-O, and from NINCO (Bitterwolf et al., ICML 2023) its own classes and the checked samples of eleven older sets ("Clean").
 */
export const CLEANED: Preset = {
  name: 'cleaned',
  title: 'ImageNet-1K against iNaturalist, OpenImage-O, Clean and NINCO (NegRefine)',
  id: { name: 'ImageNet-1K', places: IMAGENET_VAL, images: 50_000 },
  ood: [
    { name: 'iNaturalist', places: inEach(FOLDERS, ['iNaturalist', 'inaturalist']), images: 10_000 },
    { name: 'OpenImage-O', places: inEach(FOLDERS, ['openimage_o', 'OpenImage-O']), images: 17_632 },
    { name: 'Clean', places: inEach(NINCO, ['NINCO_popular_datasets_subsamples']), images: 2_715 },
    { name: 'NINCO', places: inEach(NINCO, ['NINCO_OOD_classes']), images: 5_878 },
  ],
  published: [
    ['MCM', 94.59, 92.0, 83.24, 74.34, 86.04, 52.59],
    ['GL-MCM', 96.44, 92.91, 84.78, 76.03, 87.54, 44.46],
    ['CLIPN', 96.2, 92.22, 87.31, 78.72, 88.61, 39.39],
    ['NegLabel', 99.49, 93.74, 86.79, 77.3, 89.33, 35.11],
    ['CSP', 99.6, 94.09, 88.32, 77.88, 89.97, 34.47],
    ['NegRefine', 99.57, 95.0, 90.65, 81.92, 91.79, 30.12],
  ]
    .map((row): Preset['published'][number] => {
      const [method, iNaturalist, openImage, clean, ninco, auroc, fpr95] = row as [string, ...Six];
      return {
        method,
        backbone: method === 'CLIPN' ? 'ViT-B/16' : VIT,
        source: 1,
        fpr95: 'ood_accepted',
        figures: {
          iNaturalist: [iNaturalist, null],
          'OpenImage-O': [openImage, null],
          Clean: [clean, null],
          NINCO: [ninco, null],
          average: [auroc, fpr95],
        },
      };
    })
    .concat({
      method: 'NegRefine, seed 0',
      backbone: VIT,
      source: 2,
      fpr95: 'ood_accepted',
      figures: {
        iNaturalist: [99.57, 1.51],
        'OpenImage-O': [95.02, 24.03],
        Clean: [90.7, 33.04],
        NINCO: [81.9, 62.11],
      },
    }),
  sources: [
    'NegRefine (ICCV 2025, arXiv 2507.09795), its comparison on ImageNet-1K, as repeated in notes on the paper; FPR95 of single sets could not be confirmed.',
    'README of github.com/ah-ansari/NegRefine, one seed; it gives no average.',
  ],
};

type Six = [number, number, number, number, number, number];
