import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fastInt8, usableCores } from '../../src/engine/shared/cpus.ts';

const root = () => mkdtempSync(join(tmpdir(), 'cgroup-'));

it('the number of cores follows a cgroup v2 quota, at least one', () => {
  const dir = root();
  writeFileSync(join(dir, 'cpu.max'), '100000 100000\n');
  assert.equal(usableCores(dir), 1);
  writeFileSync(join(dir, 'cpu.max'), '50000 100000\n');
  assert.equal(usableCores(dir), 1);
});

it('the number of cores follows a cgroup v1 quota, if there is one', () => {
  const dir = root();
  mkdirSync(join(dir, 'cpu'));
  writeFileSync(join(dir, 'cpu/cpu.cfs_period_us'), '100000\n');
  writeFileSync(join(dir, 'cpu/cpu.cfs_quota_us'), '100000\n');
  assert.equal(usableCores(dir), 1);
  writeFileSync(join(dir, 'cpu/cpu.cfs_quota_us'), '-1\n');
  assert.equal(usableCores(dir), availableParallelism());
});

it("the number of cores is the affinity's where there is no quota", () => {
  const dir = root();
  assert.equal(usableCores(dir), availableParallelism());
  writeFileSync(join(dir, 'cpu.max'), 'max 100000\n');
  assert.equal(usableCores(dir), availableParallelism());
});

it("a processor with fast 8-bit products is recognised by the kernel's flags", () => {
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
