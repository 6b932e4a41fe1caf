import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { usableCores } from '../../../src/engine/index.ts';
import type { Plan, Subject } from './plan.ts';
import type { RawInput } from './raw-process.ts';
import type { RawRun } from './schema.ts';

export const figure = (value: number | undefined) => (Number.isFinite(value) ? (value as number) : null);

interface Line {
  batch: number;
  imagesPerSecond?: number;
  runMs?: number;
  openSeconds?: number;
  error?: string;
}

/** Images/s of the session alone for each batch, in a process of its own. @param flops of one image */
export async function rawRuns(
  { dir, name }: Subject,
  precision: RawInput['precision'],
  { device, plan, flops, peak, leftMs }: { device: string; plan: Plan; flops: number; peak: number; leftMs: number },
): Promise<RawRun[]> {
  const batches = device.startsWith('tensorrt') ? plan.tensorrtBatches : plan.batches;
  const threads = usableCores();
  const input: RawInput = { bundle: dir, precision, device, threads, batches, seconds: plan.rawSeconds };
  const program = fileURLToPath(new URL('./raw-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program], { stdio: ['pipe', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), leftMs);
  child.stdin.end(JSON.stringify(input));
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors = `${errors}${chunk}`.slice(-600);
  });
  const lines: Line[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  const code = await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(timer);
  if (lines.length === 0) throw new Error(`the session ended with ${code}: ${errors}`);
  return lines.map(({ batch, imagesPerSecond, runMs, openSeconds, error }) => ({
    bundle: name,
    device,
    precision,
    batch,
    images_per_second: figure(imagesPerSecond),
    run_ms: figure(runMs),
    open_seconds: figure(openSeconds),
    share_of_peak: figure(((imagesPerSecond ?? Number.NaN) * flops) / (peak * 1e12)),
    ...(error === undefined ? {} : { error }),
  }));
}
