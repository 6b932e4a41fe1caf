import { readFileSync } from 'node:fs';
import { arch, availableParallelism } from 'node:os';
import { join } from 'node:path';

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** The folder and all folders above it, up to and including `/`. */
function withParents(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..');
  return parts.map((_, i) => parts.slice(0, parts.length - i).join('/')).concat('');
}

/** The quota of one cgroup v2 folder in cores; undefined without one. */
function quotaV2(folder: string): number | undefined {
  const [quota, period] = (read(join(folder, 'cpu.max')) ?? '').split(' ').map(Number);
  return quota && period ? quota / period : undefined;
}

/** The quota of one cgroup v1 folder in cores; undefined without one. */
function quotaV1(folder: string): number | undefined {
  const quota = Number(read(join(folder, 'cpu.cfs_quota_us'))) / Number(read(join(folder, 'cpu.cfs_period_us')));
  return quota > 0 ? quota : undefined;
}

/**
 * The quotas of the process's own cgroup and of all groups above it: each of them limits the process. In a container whose
 * cgroup folder is mounted as the root, the path in `own` may not exist; then the root is used.
 */
function quotas(root: string, own: string): number[] {
  const found: (number | undefined)[] = [];
  for (const line of ['0::/', '1:cpu:/', ...(read(own) ?? '').split('\n')]) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (controllers === '') found.push(...withParents(path).map((folder) => quotaV2(join(root, folder))));
    if (!controllers.split(',').includes('cpu')) continue;
    for (const mount of new Set(['cpu', controllers])) {
      found.push(...withParents(path).map((folder) => quotaV1(join(root, mount, folder))));
    }
  }
  return found.filter((quota) => quota !== undefined);
}

/**
 * Processor cores that this process may use: the lesser of its affinity and the CPU quota of its cgroups (v2 or v1),
 * rounded down, at least one. ONNX Runtime and libvips count the host's cores, and more threads than quota means throttling.
 */
export function usableCores(root = '/sys/fs/cgroup', own = '/proc/self/cgroup'): number {
  const limit = Math.floor(Math.min(...quotas(root, own)));
  return Math.max(1, Math.min(availableParallelism(), limit));
}

/**
 * Whether the processor multiplies and adds 8-bit numbers in one instruction: VNNI on x86, the dot product extension on ARM.
 * Read from the kernel's list of features. Without a list, 64-bit ARM counts as having it (all Apple processors do), and x86 as not having it.
 */
export function fastInt8(cpuinfo = '/proc/cpuinfo'): boolean {
  const list = read(cpuinfo);
  return list === undefined ? arch() === 'arm64' : /\b(avx512_vnni|avx_vnni|asimddp)\b/.test(list);
}
