/**
 * `npm run bench -- operators --minutes 30`: the service as operators run it, with a fault every minute. Three replicas of the built service
 * with the gate before a classifier, one PostgreSQL, a real Prometheus with the chart's rules, and users who send mixed requests through a
 * balancer that works as a Service of Kubernetes. Prints what users saw of each fault and which alert fired, the acknowledged
 * writes that were lost, and the requests that were not answered. `--only NAME,NAME` repeats some faults. `--out FILE` gets a line of JSON per fault,
 * and FILE-1.log to FILE-3.log the logs of the replicas.
 */
import { appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withoutPostgres } from '../../helpers/postgres.ts';
import { putTenant } from '../../helpers/service.ts';
import { without } from '../../helpers/tools.ts';
import { photographsOrMade } from '../load/pictures.ts';
import type { Bench } from '../main.ts';
import { TEN } from '../measure/target.ts';
import { FAULTS, type Scene } from './faults.ts';
import { Ledger } from './ledger.ts';
import { type Episode, report, row } from './report.ts';
import { type Stage, withStage } from './stage.ts';
import { startTraffic } from './traffic.ts';
import { Writes } from './writes.ts';

const MINUTE_MS = 60_000;
const DEFAULT_MINUTES = 30;

async function makeCamera({ replicas, admin }: Stage): Promise<Scene['camera']> {
  const reply = await fetch(`${replicas[0]?.url}/v1/admin/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'camera', scopes: ['detect:shop-*', 'manage:shop-*'] }),
  });
  if (!reply.ok) throw new Error(`no key was made: ${reply.status} ${await reply.text()}`);
  return (await reply.json()) as Scene['camera'];
}

async function play(stage: Stage, minutes: number, only: string | undefined, out: string | undefined) {
  const ledger = new Ledger(stage.replicas);
  const writes = new Writes();
  const scene: Scene = {
    ...stage,
    ledger,
    writes,
    camera: await makeCamera(stage),
    newCamera: async () => {
      scene.camera = await makeCamera(stage);
    },
    turn: 0,
  };
  for (const i of [0, 1, 2]) {
    const reply = await putTenant(stage.replicas[i]?.url as string, `shop-${i}`, { classes: TEN }, stage.admin);
    if (!reply.ok) throw new Error(`tenant: ${reply.status} ${await reply.text()}`);
  }
  const { jpegs } = await photographsOrMade();
  const camera = () => scene.camera.key;
  const stop = startTraffic({
    service: stage.service,
    gate: stage.gate,
    ledger,
    writes,
    jpegs,
    admin: stage.admin,
    camera,
  });
  const faults = FAULTS.filter(({ name }) => only === undefined || only.split(',').some((part) => name.includes(part)));
  if (faults.length === 0) throw new Error(`no fault is named so: ${FAULTS.map(({ name }) => name).join(', ')}`);
  const began = Date.now();
  const episodes: Episode[] = [];
  const episode = async (name: string, run: () => Promise<string>) => {
    const at = Date.now();
    const note = await run().catch((error: Error) => `FAILED: ${error.message}`);
    for (const replica of stage.replicas) await replica.ready();
    const ready = Date.now() - at;
    await sleep(MINUTE_MS - ((Date.now() - began) % MINUTE_MS));
    const end = Date.now();
    const seen = ledger.seen(at, end);
    episodes.push({ name, note, minute: (at - began) / MINUTE_MS, at, end, ready, seen });
    const line = row(episodes.at(-1) as Episode, stage.alerts);
    console.log(line.join(' | '));
    if (out !== undefined) appendFileSync(out, `${JSON.stringify({ line, seen })}\n`);
  };
  await episode('nothing', async () => '');
  for (let i = 0; Date.now() - began < (minutes - 0.5) * MINUTE_MS; i++) {
    const fault = faults[i % faults.length] as (typeof faults)[number];
    await episode(fault.name, () => fault.run(scene));
  }
  await stop();
  return report({ scene, episodes, began });
}

export const operators: Bench = async ({ bundle, minutes = DEFAULT_MINUTES, only, out }) => {
  const missing = without('prometheus', 'promtool') || withoutPostgres;
  if (missing) throw new Error(missing);
  return withStage(bundle, out ?? join(tmpdir(), 'operators'), (stage) => play(stage, minutes, only, out));
};
