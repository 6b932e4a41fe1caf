import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { usableCores } from '../../src/engine/cpus.ts';

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
