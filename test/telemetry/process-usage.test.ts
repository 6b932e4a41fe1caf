import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { it } from 'node:test';
import { processUsage } from '../../src/telemetry/process-usage.ts';

it('processor time, memory and threads of a process are read from /proc', {
  skip: !existsSync('/proc/self/stat') && 'needs /proc',
}, async () => {
  const until = performance.now() + 60;
  while (performance.now() < until) Math.sqrt(until);
  const usage = await processUsage(process.pid);
  assert.ok(usage);
  const { user, system } = process.cpuUsage();
  assert.ok(usage.cpuSeconds > 0 && Math.abs(usage.cpuSeconds - (user + system) / 1e6) < 0.5, String(usage.cpuSeconds));
  const { rss } = process.memoryUsage();
  assert.ok(usage.residentBytes > rss / 2 && usage.residentBytes < rss * 2, `${usage.residentBytes} ${rss}`);
  assert.ok(usage.threads >= 4);
});

it('a process that does not exist has no usage', async () => {
  assert.equal(await processUsage(2 ** 30), undefined);
});
