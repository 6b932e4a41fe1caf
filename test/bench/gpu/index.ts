/**
 * `npm run bench -- gpu --device cuda:0,tensorrt:0 --vit DIR --out gpu.json`: everything that is to be measured on a card, within --minutes (25), in one file
 * of JSON (schema.ts). The raw session for batches of 1 to 256 in fp32 and fp16, JPEG in for 1 to 256 clients and what bounds it, two
 * engines, the golden check, memory over 50,000 requests, the engine killed under load. `--dry-run` does the same on the CPU
 * with counts of a few seconds. gpu.sh assembles the libraries first.
 */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Value } from 'typebox/value';
import { loadBundle } from '../../../src/bundle/load.ts';
import { usableCores } from '../../../src/engine/index.ts';
import { decodersRate } from '../decoders.ts';
import { type Pictures, photographsOrMade } from '../load/pictures.ts';
import type { Bench, BenchOptions } from '../main.ts';
import { imageFlops } from '../measure/flops.ts';
import { fixed, table } from '../report.ts';
import { card } from './card.ts';
import { Budget, dryPlan, type Plan, type Subject, wholePlan } from './plan.ts';
import { figure, rawRuns } from './raw.ts';
import { GpuReport, type RawRun, type ServiceRun } from './schema.ts';
import { enduranceRun, serviceRun } from './service.ts';

const MINUTES = 25;
/** Of one session: TensorRT compiles for minutes. */
const LONGEST_RAW_MS = 180_000;
const IO_BINDING =
  'onnxruntime-node 1.30 offers none for CUDA and TensorRT, and no pinned input: its input is memory of Node.js (docs/architecture.md), copied to the device by each run';

async function subjectOf(dir: string): Promise<Subject> {
  const { manifest } = await loadBundle(dir, { checksums: false });
  const extra = Object.keys(manifest.precisions ?? {}).filter((name) => name === 'fp16') as 'fp16'[];
  return { dir, name: manifest.name, precisions: ['fp32', ...extra] };
}

interface Run {
  plan: Plan;
  budget: Budget;
  subjects: Subject[];
  pictures: Pictures;
  peak: number;
}

async function allRaw({ plan, budget, subjects, peak }: Run, devices: string[]): Promise<RawRun[]> {
  const runs: RawRun[] = [];
  for (const subject of subjects) {
    const flops = await imageFlops(await loadBundle(subject.dir, { checksums: false }));
    for (const device of devices) {
      for (const precision of subject.precisions) {
        const seconds = 2 * plan.batches.length * plan.rawSeconds;
        const made = await budget.part(`raw session, ${subject.name}, ${device}, ${precision}`, seconds, () =>
          rawRuns(subject, precision, { device, plan, flops, peak, leftMs: Math.min(budget.leftMs, LONGEST_RAW_MS) }),
        );
        runs.push(...(made ?? []));
      }
    }
  }
  return runs;
}

/** The best of the raw session for a bundle on a device, NaN where it was not measured. */
function bestRaw(raw: RawRun[], { name }: Subject, device: string): number {
  const runs = raw.filter((r) => r.bundle === name && r.device === device);
  return runs.length === 0 ? Number.NaN : Math.max(...runs.map((r) => r.images_per_second ?? 0));
}

/** Images/s of an engine's decoders on this host: as many threads as cores in one process, as the engine starts them. */
async function decodersOf({ dir }: Subject, { plan, pictures }: Run): Promise<number> {
  const seconds = Math.max(0.3, plan.rawSeconds);
  const way = { processes: 1, threads: usableCores(), atOnce: 1, pool: 0, seconds };
  return (await decodersRate({ bundle: dir, jpegs: pictures.jpegs.slice(0, 64), ...way })).imagesPerSecond;
}

async function allServices(run: Run, raw: RawRun[]): Promise<ServiceRun[]> {
  const { plan, budget, subjects, pictures } = run;
  const [device = 'cpu'] = plan.devices;
  const services: ServiceRun[] = [];
  for (const subject of subjects) {
    const decode = await decodersOf(subject, run);
    for (const engines of [1, 2]) {
      const seconds = 15 + 1.3 * plan.clients.length * plan.loadSeconds;
      const rates = { decode, raw: bestRaw(raw, subject, device) };
      const made = await budget.part(`JPEG in, ${subject.name}, ${engines} engine(s) on ${device}`, seconds, () =>
        serviceRun({ subject, device, plan, pictures }, engines, rates),
      );
      if (made) services.push(made);
    }
  }
  return services;
}

function print({ raw, services, memory, killed, left_out: leftOut }: GpuReport): void {
  const cell = (value: number | null, digits = 0) => fixed(value ?? Number.NaN, digits);
  table(
    ['raw session', 'device', 'precision', 'batch', 'images/s', 'ms per run', '% of peak'],
    raw.map((r) => [
      r.bundle,
      r.device,
      r.precision,
      r.batch,
      cell(r.images_per_second),
      cell(r.run_ms, 2),
      cell(r.share_of_peak && 100 * r.share_of_peak, 1),
    ]),
  );
  console.log();
  table(
    ['JPEG in', 'device', 'precision', 'clients', 'images/s', 'p50 ms', 'p99 ms', 'share of bound', 'bound'],
    services.flatMap((s) =>
      s.loads.map((l) => [
        s.bundle,
        s.device,
        s.precision,
        l.clients,
        cell(l.images_per_second),
        cell(l.p50_ms, 1),
        cell(l.p99_ms, 1),
        cell(s.share_of_bound, 2),
        s.bound,
      ]),
    ),
  );
  console.log();
  table(
    ['a card that decodes, computed', 'device', 'images/s', 'times the host as it is', 'cores that decode as much'],
    services.map(({ bundle, device, card_decoder: own }) => [
      bundle,
      device,
      cell(own.images_per_second),
      cell(own.times, 2),
      cell(own.cores_for_as_much, 1),
    ]),
  );
  console.log(`\nmemory over requests: ${JSON.stringify(memory)}\nengine killed: ${JSON.stringify(killed)}`);
  for (const line of leftOut) console.log(`left out: ${line}`);
}

const versionOf = (name: string) =>
  (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version;

export const gpu: Bench = async (options: BenchOptions) => {
  const { bundle, vit, dryRun = false, minutes = MINUTES, seconds = 6, device = 'cuda:0', out = 'gpu.json' } = options;
  const plan = dryRun ? dryPlan() : wholePlan(device.split(','), minutes, seconds);
  const began = Date.now();
  const budget = new Budget(plan.minutes);
  const subjects = [];
  for (const dir of vit === undefined ? [bundle] : [bundle, vit]) subjects.push(await subjectOf(dir));
  if (vit === undefined) budget.leftOut.push('ViT-B/16: --vit names no bundle');
  if (process.env['GPU_TENSORRT'] === '0') budget.leftOut.push('TensorRT: left out, or its libraries could not be had');
  const { name, driver, peak } = card();
  const run: Run = { plan, budget, subjects, pictures: await photographsOrMade(), peak };
  const compiled = plan.devices.filter((name) => name.startsWith('tensorrt'));
  const raw = await allRaw(
    run,
    plan.devices.filter((name) => !compiled.includes(name)),
  );
  const services = await allServices(run, raw);
  const wanted = { subject: subjects[0] as Subject, device: plan.devices[0] as string, plan, pictures: run.pictures };
  const endurance = await budget.part(`memory over ${plan.memoryRequests} requests, then the engine killed`, 50, () =>
    enduranceRun(wanted),
  );
  // last, because what compiles for minutes must not take the time of the rest
  raw.push(...(await allRaw(run, compiled)));
  const report: GpuReport = {
    format: 1,
    date: new Date().toISOString(),
    dry_run: dryRun,
    minutes: (Date.now() - began) / 60_000,
    machine: {
      card: name ?? null,
      driver: driver ?? null,
      peak_tflops: figure(peak),
      cores: usableCores(),
      node: process.version,
      onnxruntime: versionOf('onnxruntime-node'),
      cuda: figure(Number(process.env['GPU_CUDA'] ?? Number.NaN)),
    },
    io_binding: IO_BINDING,
    raw,
    services,
    memory: endurance?.memory ?? null,
    killed: endurance?.killed ?? null,
    left_out: budget.leftOut,
  };
  writeFileSync(out, `${JSON.stringify(report, null, 2)}\n`);
  const [fault] = Value.Errors(GpuReport, report);
  if (fault) throw new Error(`${out} does not meet its schema: ${JSON.stringify(fault)}`);
  print(report);
  return report;
};
