/** Reads the properties of an image that decide how, and whether, it is decoded. */
import sharp from 'sharp';
import { ServiceError } from '../errors/index.ts';
import type { ImageFormat } from './format.ts';
import { readAvifHeader } from './headers/avif.ts';
import { type BmpHeader, readBmpHeader } from './headers/bmp.ts';
import { readJpegHeader } from './headers/jpeg.ts';
import { readTiffHeader } from './headers/tiff.ts';
import { tooManyScans } from './jpeg-scans.ts';
import { type FourthSample, fourthSample, tiffFault } from './tiff-support.ts';

export interface Facts {
  /** As stored, before any rotation by EXIF orientation. */
  width: number;
  height: number;
  /** Pictures in the file; the first one is decoded. */
  frames: number;
  cmyk: boolean;
  /** Grey of 16 bits: some readers scale it to 8 bits, others clip it. */
  deepGrey: boolean;
  fourth: FourthSample;
  /** Orientation is applied whatever was asked for: readers of TIFF do that by themselves, readers of other formats do not. */
  turned: boolean;
  /** The file can name no orientation. To have the decoder look for one costs time for each file. */
  noOrientation?: boolean;
  /** The bytes for the decoder, which may differ from those of the file. */
  bytes: Uint8Array;
  /** Of a BMP, which sharp does not decode. */
  bitmap?: BmpHeader;
}

export function undecodable(detail: string, error?: unknown): ServiceError {
  const internal = error === undefined ? detail : error instanceof Error ? error.message : String(error);
  return new ServiceError('image_undecodable', detail, { internal: internal.slice(0, 1000), cause: error });
}

export const damaged = (error?: unknown) =>
  undecodable('The image is damaged or incomplete and cannot be decoded.', error);

/** @throws ServiceError image_too_large, image_undecodable */
export async function factsOf(bytes: Uint8Array, format: ImageFormat, maxPixels: number): Promise<Facts> {
  const facts = await read(bytes, format);
  checkSize(facts.width, facts.height, maxPixels);
  if (format === 'jpeg' && tooManyScans(bytes, facts.width * facts.height, maxPixels)) {
    throw undecodable('The JPEG has too many scans; save it again as a baseline or progressive JPEG.');
  }
  if (format === 'tiff') checkTiff(bytes, maxPixels);
  return facts;
}

async function read(bytes: Uint8Array, format: ImageFormat): Promise<Facts> {
  const common = { bytes, frames: 1, deepGrey: false, turned: false };
  if (format === 'jpeg') {
    const header = readJpegHeader(bytes);
    if (header) {
      const { width, height, components, exif } = header;
      return { ...common, width, height, cmyk: components === 4, fourth: 'none', noOrientation: !exif };
    }
    return { ...common, ...(await ask(bytes)), frames: 1, fourth: 'none' };
  }
  if (format === 'tiff') return { ...common, ...tiff(bytes) };
  if (format === 'bmp') return { ...common, ...bmp(bytes) };
  if (format === 'avif') return { ...common, ...(await avif(bytes)) };
  const asked = await ask(bytes);
  return { ...common, ...asked, frames: format === 'png' ? framesOfPng(bytes) : asked.frames, fourth: 'alpha' };
}

type HeaderFacts = Pick<Facts, 'width' | 'height' | 'frames' | 'cmyk' | 'deepGrey'>;

/** Reads the header with the decoder itself. */
async function ask(bytes: Uint8Array): Promise<HeaderFacts> {
  try {
    const { width, height, pages, space, depth, channels } = await sharp(bytes, { limitInputPixels: false }).metadata();
    const deepGrey = depth === 'ushort' && channels === 1;
    return { width, height, frames: pages ?? 1, cmyk: space === 'cmyk', deepGrey };
  } catch (error) {
    throw damaged(error);
  }
}

function tiff(bytes: Uint8Array): Omit<Facts, 'bytes'> {
  const header = readTiffHeader(bytes);
  if (!header) throw damaged('the directory of the TIFF is not as the standard says');
  const { width, height, frames, photometric, bits, samples, orientation } = header;
  return {
    width,
    height,
    frames,
    cmyk: photometric === 5,
    deepGrey: bits[0] === 16 && samples === 1,
    fourth: fourthSample(header),
    turned: orientation > 1,
  };
}

function bmp(bytes: Uint8Array): Pick<Facts, 'width' | 'height' | 'cmyk' | 'fourth' | 'bitmap'> {
  const bitmap = readBmpHeader(bytes);
  if (!bitmap) throw damaged('the header of the BMP is not as it should be, or the file is too short');
  if (typeof bitmap === 'string') throw undecodable(`This kind of BMP is not supported: ${bitmap}.`);
  const { width, height, masks } = bitmap;
  return { width, height, cmyk: false, fourth: masks[3] === 0 ? 'none' : 'alpha', bitmap };
}

/** Runs after the check of the size, so that a file that is too large gets that error first. */
function checkTiff(bytes: Uint8Array, maxPixels: number): void {
  const header = readTiffHeader(bytes);
  const fault = header && tiffFault(header);
  if (fault !== undefined) throw undecodable(`This kind of TIFF is not supported: ${fault}.`);
  if (header && header.tilePixels > maxPixels)
    throw undecodable('The tiles of the TIFF are larger than the largest accepted image.');
}

async function avif(bytes: Uint8Array): Promise<Omit<Facts, 'turned'>> {
  const header = readAvifHeader(bytes);
  if (!header) throw damaged('the boxes of the AVIF are not as the standard says');
  if (!header.consistent) throw undecodable('The still image and the image sequence of this AVIF are not the same.');
  // libvips refuses an AVIF whose brand is a sequence; the still image inside is the sequence's first picture
  const still = Buffer.from(bytes);
  still.write('avif', 8, 'latin1');
  const asked = await ask(still);
  return { ...asked, frames: Math.max(header.frames, asked.frames), fourth: 'alpha', bytes: still };
}

/** Counts the frames of an APNG by its acTL chunk, because libvips ignores that chunk. */
function framesOfPng(bytes: Uint8Array): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= buffer.length; at += 12 + buffer.readUInt32BE(at)) {
    const type = buffer.toString('latin1', at + 4, at + 8);
    if (type === 'acTL' && at + 12 <= buffer.length) return Math.max(1, buffer.readUInt32BE(at + 8));
    if (type === 'IDAT') return 1;
  }
  return 1;
}

/** Longest accepted side, pixels. A picture of one column costs libvips a hundred times as much as a square of equal area. */
const MOST_SIDE = 2 ** 16;

function checkSize(width: number, height: number, maxPixels: number): void {
  if (Math.max(width, height) > MOST_SIDE) {
    throw new ServiceError(
      'image_too_large',
      `The image has ${width} x ${height} pixels; at most ${MOST_SIDE} are accepted on a side.`,
      { extra: { limit: MOST_SIDE, width, height } },
    );
  }
  if (width * height <= maxPixels) return;
  throw new ServiceError(
    'image_too_large',
    `The image has ${width} x ${height} pixels; at most ${maxPixels} are accepted.`,
    { extra: { limit: maxPixels, width, height } },
  );
}
