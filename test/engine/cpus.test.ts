import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fastInt8, usableCores } from '../../src/engine/cpus.ts';

const root = () => mkdtempSync(join(tmpdir(), 'cgroup-'));

it('follows a cgroup v2 quota, at least one core', () => {
  const dir = root();
  writeFileSync(join(dir, 'cpu.max'), '100000 100000\n');
  assert.equal(usableCores(dir), 1);
  writeFileSync(join(dir, 'cpu.max'), '50000 100000\n');
  assert.equal(usableCores(dir), 1);
});

it('follows a cgroup v1 quota and ignores its absence', () => {
  const dir = root();
  mkdirSync(join(dir, 'cpu'));
  writeFileSync(join(dir, 'cpu/cpu.cfs_period_us'), '100000\n');
  writeFileSync(join(dir, 'cpu/cpu.cfs_quota_us'), '100000\n');
  assert.equal(usableCores(dir), 1);
  writeFileSync(join(dir, 'cpu/cpu.cfs_quota_us'), '-1\n');
  assert.equal(usableCores(dir), availableParallelism());
});

it('takes the affinity where there is no quota', () => {
  const dir = root();
  assert.equal(usableCores(dir), availableParallelism());
  writeFileSync(join(dir, 'cpu.max'), 'max 100000\n');
  assert.equal(usableCores(dir), availableParallelism());
});

it('knows a processor with fast 8-bit products by the list of the kernel', () => {
  const list = join(root(), 'cpuinfo');
  for (const [flags, expected] of [
    ['flags : fpu avx2 avx512bw avx512_vnni', true],
    ['flags : fpu avx2 avx_vnni bmi2', true],
    ['Features : fp asimd asimddp sve', true],
    ['flags : fpu avx2 avx512bw avx512_bf16', false],
    ['flags : fpu sse4_2', false],
  ] as const) {
    writeFileSync(list, flags);
    assert.equal(fastInt8(list), expected, flags);
  }
  assert.equal(fastInt8(join(root(), 'not there')), arch() === 'arm64');
});
