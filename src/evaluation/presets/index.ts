/** Folder layouts of published benchmarks, and the figures that papers report on them. */
import { CLEANED } from './cleaned.ts';
import { CLIPN } from './clipn.ts';
import { OPENOOD } from './openood.ts';
import type { Preset, PresetName } from './preset.ts';

export { PRESET_NAMES, type PresetName, type Published } from './preset.ts';
export { differences, missingSets, type PublishedRows, publishedOther, publishedPairs } from './published.ts';
export { type PresetRecord, preparePreset } from './task.ts';

export const PRESETS: Record<PresetName, Preset> = { clipn: CLIPN, openood: OPENOOD, cleaned: CLEANED };
