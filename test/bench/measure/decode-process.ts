/** One way to turn JPEGs into a model's pixels, measured in a process that does nothing else. Prints one line of JSON. */
import { readFileSync } from 'node:fs';
import sharp, { type SharpOptions } from 'sharp';
import { configureDecoder, decodeImage } from '../../../src/images/decode.ts';
import { centreRegion } from '../../../src/images/region.ts';
import { resample } from '../../../src/images/resample.ts';
import { colourRows } from '../../../src/images/rows.ts';
import { plainResample } from '../../helpers/plain-resample.ts';

export interface DecodeInput {
  way: 'ours' | 'fast' | 'defaults' | 'plain' | 'sharp';
  size: number;
  seconds: number;
  concurrency: number;
  /** In base64. */
  jpegs: string[];
}

export interface DecodeRate {
  imagesPerSecond: number;
  /** Processor milliseconds per image, all threads. */
  cpuMs: number;
  /** Mean absolute difference from the reference transform, grey levels. */
  difference: number;
}

const { way, size, seconds, concurrency, jpegs: texts } = JSON.parse(readFileSync(0, 'utf8')) as DecodeInput;
const jpegs = texts.map((text) => Buffer.from(text, 'base64'));

const ours = (data: Uint8Array, width: number, height: number, region: ReturnType<typeof centreRegion>) =>
  resample(colourRows({ data, width, height, channels: 3 }), width, height, region);

/** All steps with sharp's defaults, then the reference's own resampling. */
const defaults =
  (resampling: typeof plainResample | typeof ours, options: SharpOptions = {}) =>
  async (jpeg: Buffer) => {
    const { data, info } = await sharp(jpeg, options).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    return resampling(data, width, height, centreRegion(width, height, size));
  };
/** Ignores RGB profiles, as Pillow does. */
const reference = defaults(plainResample, { ignoreIcc: true });

const ways: Record<DecodeInput['way'], (jpeg: Buffer) => Promise<Uint8Array>> = {
  ours: async (jpeg) => (await decodeImage(jpeg, size, { maxPixels: 1e9 })).pixels,
  fast: async (jpeg) => (await decodeImage(jpeg, size, { maxPixels: 1e9, mode: 'fast' })).pixels,
  defaults: defaults(ours),
  plain: defaults(plainResample),
  sharp: (jpeg) =>
    sharp(jpeg).resize(size, size, { fit: 'cover', kernel: 'cubic' }).toColourspace('srgb').raw().toBuffer(),
};
const task = ways[way];
if (way === 'ours' || way === 'fast') configureDecoder({ concurrency: 1 });

let sum = 0;
for (const jpeg of jpegs) {
  const [a, b] = [await task(jpeg), await reference(jpeg)];
  if (a.length !== b.length) throw new Error(`${way}: ${a.length} bytes instead of ${b.length}`);
  sum += a.reduce((total, value, i) => total + Math.abs(value - (b[i] as number)), 0) / a.length;
}

let done = 0;
const cpu = process.cpuUsage();
const began = performance.now();
await Promise.all(
  Array.from({ length: concurrency }, async () => {
    while (performance.now() - began < seconds * 1000) await task(jpegs[done++ % jpegs.length] as Buffer);
  }),
);
const elapsed = performance.now() - began;
const { user, system } = process.cpuUsage(cpu);
const rate: DecodeRate = {
  imagesPerSecond: (1000 * done) / elapsed,
  cpuMs: (user + system) / 1000 / done,
  difference: sum / jpegs.length,
};
process.stdout.write(`${JSON.stringify(rate)}\n`);
