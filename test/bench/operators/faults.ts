import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../helpers/service.ts';
import { fixed } from '../report.ts';
import type { Ledger } from './ledger.ts';
import type { Replica } from './replica.ts';
import type { Stage } from './stage.ts';
import { tenantStorm } from './storm.ts';
import type { Writes } from './writes.ts';

export interface Scene extends Stage {
  ledger: Ledger;
  writes: Writes;
  /** The key of one client. */
  camera: { id: string; key: string };
  /** Makes another one for that client. */
  newCamera(): Promise<void>;
  /** Which replica's turn it is. */
  turn: number;
}

export interface Fault {
  name: string;
  /** Brings it about and ends it; gives what was measured, in a few words. */
  run(scene: Scene): Promise<string>;
}

const since = (began: number) => `${fixed((Date.now() - began) / 1000)} s`;
const next = (scene: Scene): Replica => scene.replicas[scene.turn++ % scene.replicas.length] as Replica;

/** Waits for another engine than the one that was lost. */
async function anotherEngine(replica: Replica, lost: number): Promise<void> {
  await until('another engine', 60_000, async () => {
    await sleep(50);
    return replica.engine !== lost;
  });
  await replica.ready();
}

async function loseEngine(replica: Replica, signal: 'SIGKILL' | 'SIGSTOP'): Promise<string> {
  const [lost, began] = [replica.engine, Date.now()];
  process.kill(lost, signal);
  await anotherEngine(replica, lost);
  return `${replica.options.name}: another engine after ${since(began)}`;
}

const admin = ({ admin: key }: Scene) => ({ authorization: `Bearer ${key}` });

async function reload(scene: Scene): Promise<string> {
  const replica = next(scene);
  const began = Date.now();
  const url = `${replica.url}/v1/admin/reload`;
  const started = await fetch(url, { method: 'POST', headers: { ...admin(scene), prefer: 'respond-async' } });
  let status = (await started.json()) as { state: string };
  await until('the reload ends', 120_000, async () => {
    await sleep(200);
    status = (await (await fetch(url, { headers: admin(scene) })).json()) as typeof status;
    return status.state !== 'running';
  });
  return `${replica.options.name}: ${status.state} after ${since(began)}`;
}

async function revoke(scene: Scene): Promise<string> {
  const { id, key } = scene.camera;
  const [first] = scene.replicas as [Replica];
  const reply = await fetch(`${first.url}/v1/admin/keys/${id}`, { method: 'DELETE', headers: admin(scene) });
  const began = Date.now();
  if (!reply.ok) throw new Error(`the key was not revoked: ${reply.status} ${await reply.text()}`);
  const times = await Promise.all(
    scene.replicas.map(async ({ url, options }) => {
      await until(`${options.name} refuses the key`, 60_000, async () => {
        await sleep(20);
        const { status } = await fetch(`${url}/v1/tenants`, { headers: { authorization: `Bearer ${key}` } });
        return status === 401;
      });
      return since(began);
    }),
  );
  await sleep(5000);
  await scene.newCamera();
  return `refused by the replicas after ${times.join(', ')}; a new key after 5 s`;
}

async function stepClock(scene: Scene): Promise<string> {
  const { clock } = scene;
  if (clock === undefined) return 'not done: needs libfaketime';
  writeFileSync(clock, '+3600\n');
  await sleep(20_000);
  writeFileSync(clock, '+0\n');
  return `${scene.replicas.at(-1)?.options.name}: an hour ahead for 20 s, then back`;
}

async function fullDisk(scene: Scene): Promise<string> {
  const i = scene.turn++ % scene.replicas.length;
  const disk = scene.disks[i];
  if (!disk || disk.missing !== undefined) return `not done: ${disk?.missing}`;
  disk.fill();
  await sleep(20_000);
  disk.free();
  return `data directory of ${scene.replicas[i]?.options.name}, 20 s`;
}

async function fullDatabase(scene: Scene): Promise<string> {
  const { databaseDisk: disk } = scene;
  if (disk.missing !== undefined) return `not done: ${disk.missing}`;
  disk.fill();
  const during = await tenantStorm(scene, 'full', 12);
  await sleep(15_000);
  disk.free();
  return `${during}; 15 s more`;
}

/** In the order in which they come, one a minute; then again. */
export const FAULTS: Fault[] = [
  { name: 'kill -9 of an engine', run: (scene) => loseEngine(next(scene), 'SIGKILL') },
  {
    name: 'kill -9 of a front',
    run: async (scene) => {
      const [replica, began] = [next(scene), Date.now()];
      replica.kill();
      await sleep(500);
      await replica.ready();
      return `${replica.options.name}: ready again after ${since(began)}`;
    },
  },
  {
    name: 'kill -9 of the database',
    run: async ({ database }) => {
      const began = Date.now();
      await database.lose(8000);
      return `answers again after ${since(began)}`;
    },
  },
  { name: 'SIGSTOP of an engine', run: (scene) => loseEngine(next(scene), 'SIGSTOP') },
  {
    name: 'SIGSTOP of the database',
    run: async ({ database }) => {
      await database.freeze(20_000);
      return '20 s';
    },
  },
  {
    name: 'SIGSTOP of a front',
    run: async (scene) => {
      const replica = next(scene);
      process.kill(replica.front, 'SIGSTOP');
      await sleep(8000);
      process.kill(replica.front, 'SIGCONT');
      await replica.ready();
      return `${replica.options.name}, 8 s`;
    },
  },
  { name: 'disk of a replica full', run: fullDisk },
  { name: 'disk of the database full', run: fullDatabase },
  { name: 'clock steps by an hour and back', run: stepClock },
  {
    name: 'slow upstream',
    run: async ({ classifier }) => {
      classifier.delayMs = 7000;
      await sleep(30_000);
      classifier.delayMs = 0;
      return 'answers after 7 s for 30 s, and the gate waits for 5 s';
    },
  },
  { name: 'reload of the model', run: reload },
  { name: 'tenant storm', run: (scene) => tenantStorm(scene, 'storm', 60) },
  { name: 'key revoked', run: revoke },
  {
    name: 'an engine killed three times',
    run: async (scene) => {
      const replica = next(scene);
      for (let i = 0; i < 3; i++) {
        await loseEngine(replica, 'SIGKILL');
        // seen by two scrapes
        await sleep(11_000);
      }
      return replica.options.name;
    },
  },
];
