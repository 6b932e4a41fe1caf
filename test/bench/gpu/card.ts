import { execFileSync } from 'node:child_process';

/** Dense fp16 with the tensor cores, 10^12 operations per second, by the makers' data sheets. PEAK_TFLOPS overrides. */
const PEAKS: [RegExp, number][] = [
  [/H100 PCIe/, 756],
  [/H100|H200/, 989],
  [/A100/, 312],
  [/A10\b/, 125],
  [/L40S/, 362],
  [/L4\b/, 121],
  [/T4/, 65],
  [/V100/, 125],
];

/** Lines of nvidia-smi's answer to a query; none where it is missing. */
export function nvidia(query: string): string[] {
  try {
    return execFileSync('nvidia-smi', [query, '--format=csv,noheader,nounits'], { encoding: 'utf8', stdio: 'pipe' })
      .trim()
      .split('\n');
  } catch {
    return [];
  }
}

/** MiB of the device that a process holds, NaN where nvidia-smi does not report it. */
export function deviceMemory(pid: number): number {
  const line = nvidia('--query-compute-apps=pid,used_memory').find((l) => l.startsWith(`${pid},`));
  return Number(line?.split(',')[1] ?? Number.NaN);
}

export interface Card {
  name: string | undefined;
  driver: string | undefined;
  /** Operations per second / 10^12, NaN for a card that is not known. */
  peak: number;
}

export function card(): Card {
  const [name, driver] = [nvidia('--query-gpu=name')[0], nvidia('--query-gpu=driver_version')[0]];
  const known = PEAKS.find(([pattern]) => name !== undefined && pattern.test(name))?.[1];
  return { name, driver, peak: Number(process.env['PEAK_TFLOPS'] ?? known ?? Number.NaN) };
}
