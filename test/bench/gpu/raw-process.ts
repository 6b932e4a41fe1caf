/**
 * Runs the image session alone, batch by batch, in a process like the engine's. Reads its input as JSON from standard input and prints a line
 * of JSON for each batch, so that a batch that does not fit into the card's memory costs the others nothing.
 */
import { readFileSync } from 'node:fs';
import { loadBundle } from '../../../src/bundle/load.ts';
import type { Precision } from '../../../src/bundle/manifest.ts';
import { deviceOf } from '../../../src/engine/shared/devices.ts';
import { openImageSession } from '../../../src/engine/shared/sessions.ts';

export interface RawInput {
  bundle: string;
  precision: Precision;
  device: string;
  threads: number;
  batches: number[];
  seconds: number;
}

const WARM_RUNS = 2;

const input = JSON.parse(readFileSync(0, 'utf8')) as RawInput;
const bundle = await loadBundle(input.bundle, { checksums: false, precision: input.precision });
const { size } = bundle.manifest.image;
const began = performance.now();
const session = await openImageSession(bundle, input.threads, deviceOf(input.device));
const openSeconds = (performance.now() - began) / 1000;
for (const batch of input.batches) {
  const pixels = new Uint8Array(batch * size * size * 3).map((_, i) => (i * 97) % 251);
  try {
    for (let i = 0; i < WARM_RUNS; i++) await session.run(pixels, batch);
    const times: number[] = [];
    const from = performance.now();
    do {
      const at = performance.now();
      await session.run(pixels, batch);
      times.push(performance.now() - at);
    } while (performance.now() - from < input.seconds * 1000);
    const imagesPerSecond = (1000 * batch * times.length) / (performance.now() - from);
    const runMs = times.sort((a, b) => a - b)[times.length >> 1] as number;
    process.stdout.write(`${JSON.stringify({ batch, imagesPerSecond, runMs, openSeconds })}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ batch, error: String((error as Error).message).slice(-300) })}\n`);
    break;
  }
}
