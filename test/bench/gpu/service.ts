import { setTimeout as sleep } from 'node:timers/promises';
import { usableCores } from '../../../src/engine/index.ts';
import { isReady, until } from '../../helpers/service.ts';
import { closedLoop } from '../load/loops.ts';
import { Outcomes } from '../load/outcomes.ts';
import type { Pictures } from '../load/pictures.ts';
import { type Target, withService } from '../measure/target.ts';
import { usage } from '../measure/usage.ts';
import { type Figures, from, measured } from '../service.ts';
import { boundOf } from './bound.ts';
import { deviceMemory } from './card.ts';
import type { Plan, Subject } from './plan.ts';
import { figure } from './raw.ts';
import type { GpuReport, Load, ServiceRun } from './schema.ts';

const TENANT = 'gpu';
const MEMORY_SAMPLES = 20;

const others = (statuses: Record<string, number>) =>
  Object.fromEntries(Object.entries(statuses).filter(([status]) => status !== '200'));
const mib = (bytes: number) => figure(Math.round(bytes / 2 ** 20));

interface Wanted {
  subject: Subject;
  device: string;
  plan: Plan;
  pictures: Pictures;
}

const settings = (device: string) => ({
  CLIPN_DEVICE: device,
  CLIPN_MAX_BATCH: '256',
  CLIPN_MAX_QUEUE: '2048',
  CLIPN_REQUEST_TIMEOUT_MS: '60000',
});

const serving = <T>({ subject, device }: Wanted, task: (target: Target) => Promise<T>) =>
  withService({ dir: subject.dir, tenants: [TENANT], env: settings(device) }, task);

function loadOf(clients: number, f: Figures): Load {
  return {
    clients,
    images_per_second: f.imagesPerSecond,
    p50_ms: figure(f.latency.p50),
    p99_ms: figure(f.latency.p99),
    decode_ms: figure(f.split.decode),
    queue_ms: figure(f.split.queue),
    inference_ms: figure(f.split.inference),
    cpu_ms: figure(f.cpu.front + f.cpu.engine),
    other_statuses: others(f.statuses),
  };
}

/** JPEG in, verdict out, for each number of clients; what bounds the best of them. */
export function serviceRun(
  wanted: Wanted,
  engines: number,
  rates: { decode: number; raw: number },
): Promise<ServiceRun> {
  const { subject, plan, pictures } = wanted;
  const device = Array.from({ length: engines }, () => wanted.device).join();
  return serving({ ...wanted, device }, async (target) => {
    const ready = target.log.find((l) => l['msg'] === 'engine ready') ?? {};
    const next = from(pictures, [TENANT]);
    await closedLoop(target.url, 8, plan.loadSeconds / 4, next);
    const loads: Load[] = [];
    for (const clients of plan.clients)
      loads.push(
        loadOf(clients, await measured(target, () => closedLoop(target.url, clients, plan.loadSeconds, next))),
      );
    const best = Math.max(...loads.map((load) => load.images_per_second));
    return {
      bundle: subject.name,
      device,
      engines,
      precision: String(ready['precision']),
      golden_difference: figure(Number(ready['goldenMaxDifference'])),
      ready_seconds: target.startSeconds,
      loads,
      decode_images_per_second: figure(rates.decode),
      raw_images_per_second: figure(rates.raw),
      ...boundOf(best, rates, usableCores()),
    };
  });
}

/** Many requests to one service, whose engine is killed under load at the end. */
export const enduranceRun = (wanted: Wanted) =>
  serving(wanted, async (target) => ({
    memory: await memoryOver(target, wanted),
    killed: await killedUnderLoad(target, wanted),
  }));

/** Resident and device memory over many requests. */
async function memoryOver(target: Target, { plan, pictures }: Wanted): Promise<NonNullable<GpuReport['memory']>> {
  const clients = Math.max(...plan.clients);
  const outcomes = new Outcomes();
  const samples: Record<'front' | 'engine' | 'device', (number | null)[]> = { front: [], engine: [], device: [] };
  while (outcomes.count() < plan.memoryRequests) {
    const aim = Math.min(plan.memoryRequests, outcomes.count() + plan.memoryRequests / MEMORY_SAMPLES);
    while (outcomes.count() < aim) await closedLoop(target.url, clients, 0.25, from(pictures, [TENANT]), outcomes);
    samples.front.push(mib(usage(target.front).rss));
    samples.engine.push(mib(usage(target.engine()).rss));
    samples.device.push(figure(deviceMemory(target.engine())));
  }
  return {
    requests: outcomes.count(),
    front_mib: samples.front,
    engine_mib: samples.engine,
    device_mib: samples.device,
    other_statuses: others(outcomes.statuses),
  };
}

/** kill -9 of the engine under load. */
async function killedUnderLoad(target: Target, { plan, pictures }: Wanted): Promise<NonNullable<GpuReport['killed']>> {
  const outcomes = new Outcomes();
  let running = true;
  const load = (async () => {
    while (running) await closedLoop(target.url, 16, 0.25, from(pictures, [TENANT]), outcomes);
  })();
  await sleep(plan.loadSeconds * 500);
  const [pid, at] = [target.engine(), performance.now()];
  process.kill(pid, 'SIGKILL');
  await until('another engine', 120_000, async () => target.engine() !== pid && (await isReady(target.url)()));
  const ready = (performance.now() - at) / 1000;
  await sleep(plan.loadSeconds * 500);
  running = false;
  await load;
  return { ready_again_seconds: ready, statuses: outcomes.statuses, slowest_ms: figure(Math.max(...outcomes.of(200))) };
}
