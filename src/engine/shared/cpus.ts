import { readFileSync } from 'node:fs';
import { arch, availableParallelism } from 'node:os';

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/**
 * Processor cores this process may really use: the lesser of its affinity and the container's CPU quota (cgroup v2 or v1),
 * rounded down, at least one. ONNX Runtime and libvips count the host's cores, and more threads than quota means throttling.
 */
export function usableCores(root = '/sys/fs/cgroup'): number {
  const cores = availableParallelism();
  const [quota, period] = (read(`${root}/cpu.max`) ?? '').split(' ').map(Number);
  const limit =
    quota && period
      ? quota / period
      : Number(read(`${root}/cpu/cpu.cfs_quota_us`)) / Number(read(`${root}/cpu/cpu.cfs_period_us`));
  return limit > 0 ? Math.max(1, Math.min(cores, Math.floor(limit))) : cores;
}

/**
 * Whether the processor multiplies and adds 8-bit numbers in one instruction: VNNI on x86, the dot product extension on ARM.
 * Read from the kernel's list; where there is none, 64-bit ARM has it (Apple's all do), x86 is taken not to.
 */
export function fastInt8(cpuinfo = '/proc/cpuinfo'): boolean {
  const list = read(cpuinfo);
  return list === undefined ? arch() === 'arm64' : /\b(avx512_vnni|avx_vnni|asimddp)\b/.test(list);
}
