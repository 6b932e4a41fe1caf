/**
 * `npm run bench -- decode`: images/s of the decode stage (JPEG to the model's pixels) beside sharp with its defaults doing the
 * same job, and how far each is from the reference transform (the decode stage: not at all). Each in a process of its own, as many images at once as cores.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { loadBundle } from '../../src/bundle/load.ts';
import { usableCores } from '../../src/engine/index.ts';
import { sized } from './load/pictures.ts';
import type { Bench } from './main.ts';
import type { DecodeInput, DecodeRate } from './measure/decode-process.ts';
import { fixed, table } from './report.ts';

const SIZES: [width: number, height: number, count: number, profile?: string][] = [
  [64, 64, 64],
  [300, 225, 48],
  [500, 375, 48],
  [500, 375, 48, 'p3'],
  [1600, 1200, 12],
  [4000, 3000, 4],
];
const WAYS = {
  ours: 'the decode stage, exact',
  fast: 'the decode stage, fast',
  defaults: "sharp's defaults, our resampling",
  plain: "sharp's defaults, the same resampling in plain JavaScript",
  sharp: "sharp's defaults, its own resize",
};

/** Images/s of one way to decode, in a process of its own with as many images at once as cores. */
export function decodeRate(way: DecodeInput['way'], size: number, jpegs: Buffer[], seconds: number): DecodeRate {
  const cores = usableCores();
  const input: DecodeInput = {
    way,
    size,
    seconds,
    concurrency: cores,
    jpegs: jpegs.map((jpeg) => jpeg.toString('base64')),
  };
  const { UV_THREADPOOL_SIZE: _own, ...env } = process.env;
  const child = spawnSync(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('./measure/decode-process.ts', import.meta.url))],
    {
      input: JSON.stringify(input),
      encoding: 'utf8',
      maxBuffer: 1e8,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: way === 'ours' || way === 'fast' ? { ...env, UV_THREADPOOL_SIZE: String(cores + 1) } : env,
    },
  );
  if (child.status !== 0) throw new Error(`${way} ended with ${child.status}`);
  return JSON.parse(child.stdout) as DecodeRate;
}

export const decode: Bench = async ({ bundle, seconds = 4 }) => {
  const { size } = (await loadBundle(bundle, { checksums: false })).manifest.image;
  const rows: string[][] = [];
  const results: Record<string, Record<string, DecodeRate>> = {};
  for (const [width, height, count, profile] of SIZES) {
    const { name, jpegs } = await sized(width, height, count, profile);
    const found = Object.fromEntries(
      Object.keys(WAYS).map((way) => [way, decodeRate(way as DecodeInput['way'], size, jpegs, seconds)]),
    ) as Record<keyof typeof WAYS, DecodeRate>;
    results[name] = found;
    for (const [way, label] of Object.entries(WAYS)) {
      const { imagesPerSecond, cpuMs, difference } = found[way as keyof typeof WAYS];
      rows.push([
        way === 'ours' ? name : '',
        label,
        fixed(imagesPerSecond, 0),
        fixed(cpuMs, 2),
        fixed(difference, 2),
        way === 'ours' ? '' : `${fixed(found.ours.imagesPerSecond / imagesPerSecond, 2)}`,
      ]);
    }
  }
  table(['JPEG', `to ${size} x ${size} by`, 'images/s', 'CPU ms', 'mean grey levels off', 'ours is x times'], rows);
  return results;
};
