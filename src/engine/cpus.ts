import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

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
