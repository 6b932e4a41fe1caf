import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Bundle } from '../../../src/bundle/load.ts';
import { usableCores } from '../../../src/engine/index.ts';
import type { Ceilings, CeilingsInput } from './ceilings-process.ts';

export type { Ceilings } from './ceilings-process.ts';

const BATCHES = [1, 2, 4, 8, 16, 32];
const LANE_BATCHES = [1, 2, 4, 8];

/**
 * Measures decode alone and inference alone in processes of their own, while the service is idle. Inference is the better of one session
 * with all threads and a session of one thread for each core.
 */
export async function measureCeilings(
  bundle: Pick<Bundle, 'dir' | 'precision'>,
  jpegs: Buffer[],
  seconds: number,
  device = 'cpu',
): Promise<Ceilings> {
  const cores = usableCores();
  const input: CeilingsInput = {
    bundleDir: bundle.dir,
    precision: bundle.precision,
    device,
    threads: cores,
    decodeThreads: cores,
    batches: BATCHES,
    seconds,
    jpegs: jpegs.slice(0, 128).map((jpeg) => jpeg.toString('base64')),
  };
  const together = await measureIn(input);
  if (device !== 'cpu' || cores === 1) return together;
  const lane = { ...input, threads: 1, decodeThreads: 1, batches: LANE_BATCHES };
  const lanes = await Promise.all(Array.from({ length: cores }, () => measureIn(lane)));
  const sum = lanes.reduce((total, { inference }) => total + inference.imagesPerSecond, 0);
  if (sum <= together.inference.imagesPerSecond) return together;
  const cpuMs = lanes.reduce((total, { inference }) => total + inference.cpuMs, 0) / cores;
  const { batch } = (lanes[0] as Ceilings).inference;
  return { ...together, inference: { imagesPerSecond: sum, cpuMs, batch, sessions: cores } };
}

async function measureIn(input: CeilingsInput): Promise<Ceilings> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('./ceilings-process.ts', import.meta.url))],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, UV_THREADPOOL_SIZE: String(input.decodeThreads + 1) },
    },
  );
  child.stdin.end(JSON.stringify(input));
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`the measurement of the ceilings ended with ${code}`);
  return JSON.parse(output) as Ceilings;
}

/** Images/s if decode and inference shared the cores perfectly and nothing else cost anything. */
export function combinedCeiling({ decode, inference }: Ceilings): number {
  return (1000 * usableCores()) / (decode.cpuMs + inference.cpuMs);
}
