import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Balancer } from '../../helpers/balancer.ts';
import { CHART } from '../../helpers/chart.ts';
import { freePort } from '../../helpers/free-port.ts';
import { COMMAND, ROOT } from '../../helpers/paths.ts';
import { environment, until } from '../../helpers/service.ts';
import { Prometheus } from '../helpers/prometheus.ts';
import { AlertWatch } from './alerts.ts';
import { Classifier } from './classifier.ts';
import { Database } from './database.ts';
import { Disk } from './disk.ts';
import { Replica } from './replica.ts';
import { REFUSED } from './traffic.ts';

const REPLICAS = 3;
const EVERY_S = 5;
const RULES = join(CHART, 'files/rules.yaml');
/** Debian's package libfaketime. */
const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';

export interface Stage {
  dir: string;
  /** Begin of the names of the replicas' log files. */
  logs: string;
  database: Database;
  databaseDisk: Disk;
  replicas: Replica[];
  /** Data directories of the replicas. */
  disks: Disk[];
  classifier: Classifier;
  service: Balancer;
  gate: Balancer;
  prometheus: Prometheus;
  alerts: AlertWatch;
  /** The first key, which permits every operation. */
  admin: string;
  /** File that sets the clock of the last replica; nothing where libfaketime is missing. */
  clock: string | undefined;
}

function gateFile(dir: string, port: number, upstream: string, audit: string): string {
  const file = join(dir, `gate-${port}.json`);
  const routes = [
    { match: { path: '/predict' }, adapter: 'multipart' },
    { match: { path: '/v1/models/{model}:predict' }, adapter: 'tf-serving' },
  ].map((route) => ({ ...route, tenant: 'shop-0', mode: 'enforce', reject: { status: REFUSED }, budget_ms: 5000 }));
  const config = {
    listen: { host: '127.0.0.1', port },
    upstream: { url: upstream, response_timeout_ms: 5000 },
    routes,
    audit: { file: audit },
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** Every replica counts as on a machine of its own; the last one has a clock that can be set. */
async function replica(stage: Omit<Stage, 'service' | 'gate' | 'prometheus' | 'alerts'>, i: number, env: object) {
  const [port, gatePort] = [await freePort(), await freePort()];
  const data = stage.disks[i]?.dir as string;
  const audit = join(data, 'audit.ndjson');
  const clock =
    stage.clock !== undefined && i === REPLICAS - 1
      ? {
          LD_PRELOAD: FAKETIME,
          FAKETIME_TIMESTAMP_FILE: stage.clock,
          FAKETIME_CACHE_DURATION: '1',
          FAKETIME_DONT_FAKE_MONOTONIC: '1',
          FAKETIME_DISABLE_SHM: '1',
        }
      : {};
  return new Replica({
    name: `replica ${i + 1}`,
    port,
    gatePort,
    gateFile: gateFile(stage.dir, gatePort, stage.classifier.url, audit),
    audit,
    data,
    env: { ...env, ...clock },
    logFile: `${stage.logs}-${i + 1}.log`,
  });
}

function firstKey(store: string, data: string): string {
  const args = [COMMAND, 'keys', 'create', '--name', 'operators', '--admin', '--json'];
  const env = environment({ CLIPN_STORE: store, CLIPN_DATA_DIR: data });
  return (JSON.parse(execFileSync(process.execPath, args, { cwd: ROOT, env, encoding: 'utf8' })) as { key: string })
    .key;
}

/** Three replicas with the gate on one PostgreSQL, a classifier behind them, two balancers before them, and Prometheus. */
export async function withStage<T>(bundle: string, logs: string, task: (stage: Stage) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'clipn-gate-operators-'));
  const ends: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })];
  try {
    const disk = (name: string, megabytes: number) => {
      const made = new Disk(join(dir, name), megabytes);
      ends.push(() => made.unmount());
      return made;
    };
    const databaseDisk = disk('database', 512);
    const disks = Array.from({ length: REPLICAS }, (_, i) => disk(`data-${i + 1}`, 64));
    execFileSync('chmod', ['755', dir]);
    const database = await Database.start(databaseDisk.dir);
    ends.push(() => database.stop());
    const store = await database.server.database();
    const classifier = await Classifier.start();
    ends.push(() => classifier.close());
    const clock = existsSync(FAKETIME) ? join(dir, 'clock') : undefined;
    if (clock !== undefined) writeFileSync(clock, '+0\n');
    const admin = firstKey(store, join(dir, 'keys'));
    const parts = { dir, logs, database, databaseDisk, disks, classifier, admin, clock, replicas: [] as Replica[] };
    const env = { CLIPN_STORE: store, CLIPN_BUNDLE: bundle, CLIPN_OPEN_METRICS: 'true', CLIPN_THREADS: '1' };
    for (let i = 0; i < REPLICAS; i++) parts.replicas.push(await replica(parts, i, env));
    const [service, gate] = [await Balancer.start(), await Balancer.start()];
    ends.push(() => {
      service.close();
      gate.close();
    });
    for (const each of parts.replicas) {
      ends.push(() => each.stop());
      await each.start();
      service.add(each.url);
      gate.add(each.gate, each.url);
    }
    await until('the balancers see all', 30_000, () => service.listed.length + gate.listed.length === 2 * REPLICAS);
    const prometheus = await Prometheus.start({
      dir,
      targets: parts.replicas.map((r) => r.url),
      rules: RULES,
      every: EVERY_S,
    });
    ends.push(() => prometheus.stop());
    const alerts = new AlertWatch(prometheus);
    ends.push(() => alerts.stop());
    return await task({ ...parts, service, gate, prometheus, alerts });
  } finally {
    for (const end of ends.reverse()) await Promise.resolve(end()).catch((error) => console.error(String(error)));
  }
}
