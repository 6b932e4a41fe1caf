import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { openGate } from '../../src/cli/serve/gate.ts';
import { observedStore } from '../../src/cli/serve/store.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { AuditRecord } from '../../src/gate/audit/record.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { until } from '../helpers/service.ts';
import { record } from '../helpers/store-contract.ts';

const telemetry = () => ({
  logger: createLogger({ level: 'info', destination: { write: () => {} } }),
  metrics: createMetrics(),
  tracing: undefined as never,
});
const series = async (metrics: Metrics, name: string) =>
  (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(name));

it('a full disk is counted as a failure of the directory, its size and free bytes are metrics, and there is no database to be up', async (t) => {
  const dir = await temporaryDirectory(t);
  const parts = telemetry();
  const { store, close } = await observedStore(loadConfig({ CLIPN_DATA_DIR: dir }), parts);
  t.after(close);
  const failures = () => series(parts.metrics, 'clipn_store_failures_total');
  assert.deepEqual(await failures(), ['clipn_store_failures_total{store="directory"} 0']);
  assert.ok(await store.write(record('zoo'), 0));

  const handle = (await open(dir, 'r')) as FileHandle;
  const { prototype } = handle.constructor;
  await handle.close();
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  const { mock } = t.mock.method(prototype, 'writeFile', () => Promise.reject(full));
  await assert.rejects(store.write({ ...record('zoo'), version: 2 }, 1), { code: 'store_unavailable' });
  mock.restore();
  assert.deepEqual(await failures(), ['clipn_store_failures_total{store="directory"} 1']);

  const bytes = async (of: string) =>
    Number((await series(parts.metrics, `clipn_data_directory_${of}_bytes`))[0]?.split(' ')[1]);
  assert.ok((await bytes('available')) > 0 && (await bytes('available')) <= (await bytes('size')));
  assert.deepEqual(await series(parts.metrics, 'clipn_store_up'), []);
});

it('an audit trail that cannot be written is counted at each attempt', async (t) => {
  const dir = await temporaryDirectory(t);
  const [file, trail] = [join(dir, 'gate.yaml'), join(dir, 'audit.ndjson')];
  // a folder at the path of the file
  mkdirSync(trail);
  const upstream = { url: 'http://127.0.0.1:9' };
  writeFileSync(
    file,
    JSON.stringify({ listen: { host: '127.0.0.1', port: 0 }, upstream, routes: [], audit: { file: trail } }),
  );
  const parts = telemetry();
  const gate = await openGate(file, { ...parts, engine: {} as never, tenants: {} as never, bundleId: () => 'm@1' });
  t.after(() => gate.close());
  const failures = async () =>
    Number((await series(parts.metrics, 'clipn_gate_audit_failures_total'))[0]?.split(' ')[1]);
  assert.equal(await failures(), 0);
  gate.audit()?.write({ request_id: 'r', images: [] } as unknown as AuditRecord);
  await until('an attempt failed', 10_000, async () => (await failures()) > 0);
  rmSync(trail, { recursive: true });
  await until('the record is written', 10_000, () => existsSync(trail) && readFileSync(trail, 'utf8').endsWith('}\n'));
});
