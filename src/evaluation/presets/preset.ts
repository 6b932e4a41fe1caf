/** One set of a published benchmark. */
export interface PresetSet {
  /** As the papers name it. */
  name: string;
  /** Its possible places below the root, the usual one first. */
  places: string[];
  /** Image list below the root, as OpenOOD ships them: lines of path and label. */
  list?: { file: string; below: string };
  /** Number of images behind the published figures, where it is known. */
  images?: number;
  /** Sets that the benchmark averages together. */
  group?: string;
}

/** Published figures of one method, in percent as printed. */
export interface Published {
  method: string;
  backbone: string;
  /** Number of the entry in `sources`, from 1. */
  source: number;
  /** AUROC and FPR95 by set, group or `average`; null where the source has none. */
  figures: Record<string, [auroc: number | null, fpr95: number | null]>;
  /** Whose FPR95 it is (metrics.ts). */
  fpr95: 'ood_accepted' | 'id_rejected';
}

/** A benchmark: the layout of its folders, and the figures that papers report on it. */
export interface Preset {
  name: PresetName;
  title: string;
  id: PresetSet;
  ood: PresetSet[];
  published: Published[];
  sources: string[];
}

export const PRESET_NAMES = ['clipn', 'openood', 'cleaned'] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

/** Each place inside each folder. */
export const inEach = (folders: string[], places: string[]): string[] =>
  folders.flatMap((folder) => places.map((place) => (folder === '' ? place : `${folder}/${place}`)));

/** The usual places of the validation images of ImageNet-1K, one folder per class. */
export const IMAGENET_VAL = [
  'ImageNet/val',
  'imagenet/val',
  'imagenet_val',
  'ImageNet_val/images',
  'ILSVRC-2012/val',
  'ILSVRC2012/val',
  'id_data/ILSVRC-2012/val',
  'id_data/imagenet_val',
  'images_largescale/imagenet_1k/val',
];
