/**
 * Measures the ceiling of the machine for one of the stages alone, in a process like the engine's: same thread pool, same
 * decoder settings, same session options. Prints one line of JSON.
 */
import { readFileSync } from 'node:fs';
import { loadBundle } from '../../../src/bundle/load.ts';
import type { Precision } from '../../../src/bundle/manifest.ts';
import { deviceOf } from '../../../src/engine/shared/devices.ts';
import { openImageSession } from '../../../src/engine/shared/sessions.ts';
import { configureDecoder, decodeImage } from '../../../src/images/decode.ts';

export interface StageCeiling {
  imagesPerSecond: number;
  /** Processor milliseconds per image, all threads. */
  cpuMs: number;
}

export interface Ceilings {
  decode: StageCeiling;
  /** Best of the batch sizes; `sessions` of one thread each, where they are more than one. */
  inference: StageCeiling & { batch: number; sessions?: number };
  /** Milliseconds of one image, nothing else running: decode, and a run with a batch of one. */
  single: { decode: number; run: number };
}

export interface CeilingsInput {
  bundleDir: string;
  precision: Precision;
  /** Where the session runs, as CLIPN_DEVICE; decoding is always here. */
  device: string;
  threads: number;
  decodeThreads: number;
  batches: number[];
  seconds: number;
  /** JPEG files in base64. */
  jpegs: string[];
}

async function rate(seconds: number, images: number, task: () => Promise<unknown>): Promise<StageCeiling> {
  await task();
  const cpu = process.cpuUsage();
  const began = performance.now();
  let count = 0;
  do {
    await task();
    count += images;
  } while (performance.now() - began < seconds * 1000);
  const elapsed = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  return { imagesPerSecond: (1000 * count) / elapsed, cpuMs: (user + system) / 1000 / count };
}

async function median(times: number, task: () => Promise<unknown>): Promise<number> {
  const all: number[] = [];
  for (let i = 0; i < times; i++) {
    const began = performance.now();
    await task();
    all.push(performance.now() - began);
  }
  return all.sort((a, b) => a - b)[times >> 1] as number;
}

const input = JSON.parse(readFileSync(0, 'utf8')) as CeilingsInput;
const jpegs = input.jpegs.map((text) => Buffer.from(text, 'base64'));
const bundle = await loadBundle(input.bundleDir, { checksums: false, precision: input.precision });
const { size } = bundle.manifest.image;

configureDecoder({ concurrency: 1 });
let at = 0;
const decode = () => decodeImage(jpegs[at++ % jpegs.length] as Buffer, size, { maxPixels: 1e9 });
for (let i = 0; i < 20; i++) await decode();
// as many at once as the engine decodes, each starting the next
const decoding = await rate(input.seconds, jpegs.length, async () => {
  let left = jpegs.length;
  await Promise.all(
    Array.from({ length: input.decodeThreads }, async () => {
      while (left-- > 0) await decode();
    }),
  );
});
const decodeOne = await median(60, decode);

const session = await openImageSession(bundle, input.threads, deviceOf(input.device));
let inference: Ceilings['inference'] = { imagesPerSecond: 0, cpuMs: 0, batch: 0 };
for (const batch of input.batches) {
  const pixels = new Uint8Array(batch * size * size * 3).map((_, i) => (i * 97) % 251);
  const found = await rate(input.seconds / 2, batch, () => session.run(pixels, batch));
  if (found.imagesPerSecond > inference.imagesPerSecond) inference = { ...found, batch };
}
const one = new Uint8Array(size * size * 3).map((_, i) => (i * 97) % 251);
for (let i = 0; i < 5; i++) await session.run(one, 1);
const runOne = await median(40, () => session.run(one, 1));

const result: Ceilings = { decode: decoding, inference, single: { decode: decodeOne, run: runOne } };
process.stdout.write(`${JSON.stringify(result)}\n`);
