/**
 * Decodes an image the way other programs do. Readers differ in transparency (composited on white, on black, or ignored), in
 * grey of 16 bits (scaled or clipped) and in CMYK (with the embedded profile or without). The gate refuses to judge an image
 * whose other readings get a different decision, because the classifier may use one of those readings.
 */
import sharp from 'sharp';
import { damaged, type Facts } from './facts.ts';
import type { Region } from './region.ts';
import { resample } from './resample.ts';
import { clippedRows, colourRows, flattenedRows, plainInkRows, type Raster, type Rows } from './rows.ts';

export interface ImageReading {
  name: 'on_white' | 'on_black' | 'ignored' | 'clipped' | 'plain_ink';
  /** uint8 RGB [size, size, 3]. */
  pixels: Uint8Array;
}

interface Source {
  facts: Facts;
  raster: Raster;
  /** The raster has pixels that are not fully opaque. */
  clear: boolean;
  /** The main reading ignores transparency. */
  dropped: boolean;
  region: Region;
  /** Pixels of the main reading. */
  pixels: Uint8Array;
  maxPixels: number;
}

/** Returns the readings whose pixels differ from those of the main reading. */
export async function otherReadings(source: Source): Promise<ImageReading[]> {
  const { raster, region, pixels } = source;
  const readings: ImageReading[] = [];
  for (const [name, rowsOf] of candidates(source)) {
    const other = await resample(await rowsOf(), raster.width, raster.height, region);
    if (Buffer.compare(other, pixels) !== 0) readings.push({ name, pixels: other });
  }
  return readings;
}

function candidates({
  facts,
  raster,
  clear,
  dropped,
  maxPixels,
}: Source): [ImageReading['name'], () => Rows | Promise<Rows>][] {
  const list: [ImageReading['name'], () => Rows | Promise<Rows>][] = [];
  if (clear) {
    if (dropped) list.push(['on_white', () => flattenedRows(raster, 255)]);
    else list.push(['ignored', () => colourRows(raster)]);
    list.push(['on_black', () => flattenedRows(raster, 0)]);
  }
  if (facts.deepGrey) list.push(['clipped', async () => clippedRows(await deep(facts, maxPixels), raster.width)]);
  if (facts.cmyk) list.push(['plain_ink', async () => plainInkRows(await inks(facts, maxPixels))]);
  return list;
}

const open = ({ bytes, turned }: Facts, maxPixels: number) => {
  const image = sharp(bytes, { failOn: 'error', limitInputPixels: maxPixels, ignoreIcc: true, sequentialRead: true });
  return turned ? image.autoOrient() : image;
};

/** Grey of 16 bits as stored. */
async function deep(facts: Facts, maxPixels: number): Promise<Uint16Array> {
  try {
    const image = open(facts, maxPixels).toColourspace('grey16').extractChannel(0);
    const data = await image.raw({ depth: 'ushort' }).toBuffer();
    return new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
  } catch (error) {
    throw damaged(error);
  }
}

/** Cyan, magenta, yellow and black as stored. */
async function inks(facts: Facts, maxPixels: number): Promise<Raster> {
  try {
    const image = open(facts, maxPixels).pipelineColourspace('cmyk').toColourspace('cmyk');
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height, channels: info.channels };
  } catch (error) {
    throw damaged(error);
  }
}
