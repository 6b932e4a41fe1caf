import { MISSING } from '../percent.ts';
import type { Published } from './preset.ts';
import type { PresetRecord } from './task.ts';

/** Rows of published figures for a table, with the notes that explain them. */
export interface PublishedRows {
  rows: string[][];
  notes: string[];
}

const two = (value: number | null | undefined) => (value === null || value === undefined ? MISSING : value.toFixed(2));

/** Which of the published figures a table shows. */
type Shown = (figures: [number | null, number | null], of: Published) => string | undefined;

const both: Shown = ([auroc, fpr95], { fpr95: convention }) =>
  auroc === null && fpr95 === null
    ? undefined
    : `${two(auroc)}/${convention === 'ood_accepted' ? two(fpr95) : MISSING}`;

const otherFpr95: Shown = ([, fpr95], { fpr95: convention }) =>
  convention === 'id_rejected' && fpr95 !== null ? two(fpr95) : undefined;

function rowsOf({ published, sources }: PresetRecord, columns: string[], shown: Shown): PublishedRows | undefined {
  const used = new Set<number>();
  const rows = published.flatMap((of) => {
    const cells = columns.map((name) => {
      const figures = of.figures[name];
      return (figures && shown(figures, of)) ?? MISSING;
    });
    if (cells.every((c) => c === MISSING)) return [];
    used.add(of.source);
    return [[`${of.method}, ${of.backbone} [${of.source}]`, ...cells]];
  });
  const notes = [...used].sort((a, b) => a - b).map((source) => `[${source}] ${sources[source - 1]}`);
  return rows.length === 0 ? undefined : { rows, notes };
}

/** Published AUROC and FPR95 (share of OOD accepted) for a table with these columns. */
export const publishedPairs = (preset: PresetRecord, columns: string[]) => rowsOf(preset, columns, both);

/** Published FPR95 in the other convention (share of ID rejected). */
export const publishedOther = (preset: PresetRecord, columns: string[]) => rowsOf(preset, columns, otherFpr95);

/** Most places that are named for a set that was not found. */
const MOST_PLACES = 4;

/** One line for each set of the preset that was not found. */
export function missingSets({ name, missing }: PresetRecord): string[] {
  return missing.map(({ name: set, tried }) => {
    const more = tried.length > MOST_PLACES ? ', ...' : '';
    return `Preset ${name}: ${set} is not measured. There is no folder ${tried.slice(0, MOST_PLACES).join(', ')}${more} below the root.`;
  });
}

/** How a measurement differs from the published setting; the figures are then not comparable. */
export function differences(preset: PresetRecord, sets: { name: string; images: number }[], classes: number): string[] {
  const lines = sets.flatMap(({ name, images }) => {
    const of = preset.images[name];
    return of === undefined || of === images
      ? []
      : [
          `${name}: ${images.toLocaleString('en')} ${images === 1 ? 'image' : 'images'} here, ${of.toLocaleString('en')} behind the published figures.`,
        ];
  });
  if (classes !== CLASSES) lines.unshift(`${classes} classes here, ${CLASSES} behind the published figures.`);
  const names = preset.missing.map((m) => m.name).join(', ');
  if (names !== '') lines.push(`The average leaves out ${names}.`);
  return lines;
}

/** Classes of ImageNet-1K. */
const CLASSES = 1000;
