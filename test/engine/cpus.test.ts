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

it("the number of cores follows the process's own cgroup and the groups above it", () => {
  const dir = root();
  const own = join(dir, 'self');
  const limited = (folder: string, name: string, text: string) => {
    mkdirSync(join(dir, folder), { recursive: true });
    writeFileSync(join(dir, folder, name), text);
  };
  limited('v2/system.slice/gate.service', 'cpu.max', 'max 100000');
  writeFileSync(own, '0::/system.slice/gate.service\n');
  assert.equal(usableCores(join(dir, 'v2'), own), availableParallelism());
  limited('v2/system.slice', 'cpu.max', '100000 100000');
  assert.equal(usableCores(join(dir, 'v2'), own), 1);
  limited('v2/other', 'cpu.max', 'max 100000');
  writeFileSync(own, '0::/other\n');
  assert.equal(usableCores(join(dir, 'v2'), own), availableParallelism());

  limited('v1/cpu,cpuacct/docker/abc', 'cpu.cfs_quota_us', '150000');
  limited('v1/cpu,cpuacct/docker/abc', 'cpu.cfs_period_us', '100000');
  writeFileSync(own, '5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n');
  assert.equal(usableCores(join(dir, 'v1'), own), 1);
  writeFileSync(own, '4:cpu,cpuacct:/docker/other\n');
  assert.equal(usableCores(join(dir, 'v1'), own), availableParallelism());
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
