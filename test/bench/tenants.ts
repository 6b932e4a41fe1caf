/**
 * A service with 1,000 tenants (BENCH_TENANTS, of BENCH_CLASSES classes each) beside one with a single one: how
 * long it takes to start with warm features, and how long a verdict takes when the requests go to all tenants in turn.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waves } from '../helpers/images.ts';
import { putTenant, type Service, sendImage, startService } from '../helpers/service.ts';
import type { Bench } from './main.ts';
import { median } from './report.ts';

const TENANTS = Number(process.env['BENCH_TENANTS'] ?? 1000);
const CLASSES = Number(process.env['BENCH_CLASSES'] ?? 20);
const REQUESTS = Number(process.env['BENCH_REQUESTS'] ?? 2000);
/** Names that all classes are drawn from. */
const POOL = 400;
/** Tenants made at the same time. */
const AT_ONCE = 8;

const classesOf = (i: number) => Array.from({ length: CLASSES }, (_, c) => `thing number ${(i * 37 + c * 11) % POOL}`);

async function fill(service: Service, count: number): Promise<void> {
  let next = 0;
  const work = async () => {
    for (let i = next++; i < count; i = next++) {
      const response = await putTenant(service.url, `t${i}`, { classes: classesOf(i) });
      if (!response.ok) throw new Error(await response.text());
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

type Start = (dir: string) => Promise<Service>;

async function restarted(start: Start, service: Service, dir: string): Promise<{ service: Service; seconds: number }> {
  service.child.kill('SIGTERM');
  await service.exited;
  const began = performance.now();
  const next = await start(dir);
  return { service: next, seconds: (performance.now() - began) / 1000 };
}

/** Each image is another one, so that no cache answers. */
async function detect(service: Service, image: Buffer, tenant: string): Promise<number> {
  const bytes = Buffer.concat([image, randomBytes(8)]);
  const began = performance.now();
  const response = await sendImage(service.url, bytes, `?tenant=${tenant}`);
  if (!response.ok) throw new Error(await response.text());
  await response.arrayBuffer();
  return performance.now() - began;
}

export const tenants: Bench = async ({ bundle }) => {
  const cleanups: (() => unknown)[] = [];
  const t = { after: (task: () => unknown) => void cleanups.unshift(task) };
  const start: Start = (dir) => startService(t as never, dir, { CLIPN_BUNDLE: bundle });
  const directory = () => {
    const dir = mkdtempSync(join(tmpdir(), 'clipn-gate-bench-'));
    cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
    return dir;
  };
  try {
    const [one, many] = [directory(), directory()];
    let single = await start(one);
    let crowd = await start(many);
    const began = performance.now();
    await fill(single, 1);
    await fill(crowd, TENANTS);
    console.log(
      `${TENANTS} tenants of ${CLASSES} classes made in ${((performance.now() - began) / 1000).toFixed(1)} s`,
    );

    const starts = { single: [] as number[], crowd: [] as number[] };
    for (let round = 0; round < 3; round++) {
      let seconds: number;
      ({ service: single, seconds } = await restarted(start, single, one));
      starts.single.push(seconds);
      ({ service: crowd, seconds } = await restarted(start, crowd, many));
      starts.crowd.push(seconds);
    }
    console.log(
      `start with warm features, until ready: 1 tenant ${median(starts.single).toFixed(2)} s, ${TENANTS} tenants ${median(starts.crowd).toFixed(2)} s (median of 3: ${starts.crowd.map((s) => s.toFixed(2))})`,
    );
    const metrics = await (await fetch(`${crowd.url}/metrics`)).text();
    console.log(`texts encoded at the start: ${/^clipn_texts_encoded_total\{[^}]*\} (\d+)/m.exec(metrics)?.[1] ?? 0}`);

    const image = await waves(300, 225, 3).jpeg({ quality: 85 }).toBuffer();
    for (let i = 0; i < 50; i++) {
      await detect(single, image, 't0');
      await detect(crowd, image, `t${i % TENANTS}`);
    }
    const times = { single: [] as number[], crowd: [] as number[] };
    // one after the other in turn: a machine that grows busier favours neither
    for (let i = 0; i < REQUESTS; i++) {
      times.single.push(await detect(single, image, 't0'));
      times.crowd.push(await detect(crowd, image, `t${i % TENANTS}`));
    }
    const [a, b] = [median(times.single), median(times.crowd)];
    console.log(
      `detect, p50 of ${REQUESTS}: 1 tenant ${a.toFixed(2)} ms, ${TENANTS} tenants in turn ${b.toFixed(2)} ms: ${((b / a - 1) * 100).toFixed(1)} % more`,
    );
    return { tenants: TENANTS, classes: CLASSES, starts, p50Ms: { single: a, crowd: b } };
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
};
