/**
 * `npm run bench -- negatives`: tenants with negative labels in the real service. How long the words take, then a tenant of 1,000 classes;
 * what a verdict costs more; and the memory of the engine with 1 to 1,000 such tenants. BENCH_DATA names a data directory that is kept, so
 * that a second run begins with the words in its cache.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waves } from '../helpers/images.ts';
import { putTenant, type Service, sendImage, startService, until } from '../helpers/service.ts';
import type { Bench } from './main.ts';
import { usage } from './measure/usage.ts';
import { fixed, median, megabytes, table } from './report.ts';

const KEPT = process.env['BENCH_DATA'];
const CLASSES = 1000;
const TENANTS = [1, 10, 100, 1000];
const ROUNDS = 300;
const PATIENCE_MS = 30 * 60_000;

/** Seconds from the PUT until the tenant is ready. */
async function built({ url }: Service, id: string, definition: object): Promise<number> {
  const began = performance.now();
  const reply = await putTenant(url, id, definition);
  if (!reply.ok) throw new Error(`${id}: ${await reply.text()}`);
  const state = async () => ((await (await fetch(`${url}/v1/tenants/${id}/build`)).json()) as { state: string }).state;
  await until(`tenant ${id}`, PATIENCE_MS, async () => (await state()) === 'ready');
  return (performance.now() - began) / 1000;
}

/** Milliseconds of one verdict on an image whose embedding is cached, so that only the head is computed. */
async function verdict({ url }: Service, image: Buffer, tenant: string): Promise<number> {
  const began = performance.now();
  const reply = await sendImage(url, image, `?tenant=${tenant}&top_k=1`);
  if (reply.status !== 200) throw new Error(await reply.text());
  await reply.arrayBuffer();
  return performance.now() - began;
}

async function latencies(service: Service, image: Buffer) {
  const ids = ['plain', 'labels', 'pool'];
  const times = ids.map((): number[] => []);
  for (let round = -20; round < ROUNDS; round++) {
    for (const [i, id] of ids.entries()) {
      const ms = await verdict(service, image, id);
      if (round >= 0) times[i]?.push(ms);
    }
  }
  return times.map(median);
}

async function memory(service: Service, image: Buffer, negatives: object | undefined) {
  const kind = negatives ? 'with' : 'without';
  const sizes: { tenants: number; rss: number }[] = [];
  let made = 0;
  for (const tenants of TENANTS) {
    for (; made < tenants; made++) {
      const id = `${kind}-${made}`;
      const classes = Array.from({ length: 10 }, (_, c) => `thing number ${c}`);
      await built(service, id, { classes, ...(negatives && { negatives }) });
      await verdict(service, image, id);
    }
    sizes.push({ tenants, rss: usage(service.enginePid()).rss });
  }
  return sizes;
}

export const negatives: Bench = async ({ bundle }) => {
  const cleanups: (() => unknown)[] = [];
  const t = { after: (task: () => unknown) => void cleanups.unshift(task) } as never;
  const dir = KEPT ?? mkdtempSync(join(tmpdir(), 'clipn-gate-bench-'));
  if (KEPT) mkdirSync(KEPT, { recursive: true });
  else cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  const env = { CLIPN_BUNDLE: bundle, CLIPN_HEADS_BYTES: '1GiB' };
  try {
    let service = await startService(t, dir, env);
    const words = await built(service, 'first', { classes: ['dog', 'cat'], negatives: { labels: 9999 } });
    console.log(`a tenant of 2 classes, ${KEPT ? 'words perhaps cached' : 'all words encoded'}: ${fixed(words)} s`);
    const run = Date.now() % 1e6;
    const classes = Array.from({ length: CLASSES }, (_, c) => `object ${run} number ${c}`);
    const whole = await built(service, 'labels', { classes, negatives: {} });
    const own = await built(service, 'plain', { classes: classes.map((name) => `${name} b`) });
    const pool = await built(service, 'pool', { classes, negatives: { pool: true } });
    console.log(
      `${CLASSES} classes: ${fixed(whole)} s with 10,000 labels, ${fixed(own)} s without; then with the pool, its labels mined: ${fixed(pool)} s\n`,
    );
    const image = await waves(300, 225, 3).jpeg({ quality: 85 }).toBuffer();
    const [plain = 0, labels = 0, both = 0] = await latencies(service, image);
    table(
      ['verdict, embedding cached', 'p50 ms', 'more'],
      [
        ['without', fixed(plain, 2), ''],
        ['10,000 labels', fixed(labels, 2), fixed(labels - plain, 2)],
        ['10,000 labels, and 10,000 of the pool', fixed(both, 2), fixed(both - plain, 2)],
      ],
    );
    const sizes = [];
    for (const kind of [undefined, {}]) {
      service.child.kill('SIGTERM');
      await service.exited;
      // the features of the words, and none of the tenants
      const fresh = mkdtempSync(join(tmpdir(), 'clipn-gate-bench-'));
      cleanups.push(() => rmSync(fresh, { recursive: true, force: true }));
      cpSync(join(dir, 'features'), join(fresh, 'features'), { recursive: true });
      service = await startService(t, fresh, env);
      sizes.push(await memory(service, image, kind));
    }
    const [without = [], withLabels = []] = sizes;
    console.log('\nResident memory of the engine, MiB\n');
    table(
      ['tenants of 10 classes', 'without', 'with 10,000 labels'],
      TENANTS.map((n, i) => [n, megabytes(without[i]?.rss ?? 0), megabytes(withLabels[i]?.rss ?? 0)]),
    );
    return { words, whole, own, pool, plain, labels, both, sizes };
  } finally {
    for (const task of cleanups) await task();
  }
};
