/**
 * `npm run bench -- heads`: what scoring a tenant's classes costs, as typed-array code and as ONNX. `npm run bench -- many-heads`:
 * a thousand tenants of a thousand classes in the real service, of which only some fit into the engine at a time.
 */
import { HeadScorer } from '../../src/engine/image-process/heads/scorer.ts';
import { scoredBy } from '../../src/engine/image-process/heads/scoring.ts';
import { putTenant } from '../helpers/service.ts';
import { closedLoop } from './load/loops.ts';
import { summary } from './load/outcomes.ts';
import { photographsOrMade, request } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { withService } from './measure/target.ts';
import { usage } from './measure/usage.ts';
import { fixed, megabytes, table } from './report.ts';

const CLASSES = [1, 10, 100, 1000, 10_000];
const WIDTHS = [256, 512];
const TENANTS = 1000;
const PER_TENANT = 1000;
const HEADS_BYTES = 256 * 2 ** 20;

/** The typed-array way: cosines of a feature [D] with rows [C, D], summed in float64. */
function cosines(feature: Float32Array, rows: Float32Array): Float64Array {
  const width = feature.length;
  const out = new Float64Array(rows.length / width);
  for (let c = 0, at = 0; c < out.length; c++) {
    let [a, b] = [0, 0];
    for (let i = 0; i < width; i += 2, at += 2) {
      a += (feature[i] as number) * (rows[at] as number);
      b += (feature[i + 1] as number) * (rows[at + 1] as number);
    }
    out[c] = a + b;
  }
  return out;
}

const noise = (length: number) => Float32Array.from({ length }, () => (Math.random() - 0.5) / 10);

/** Processor time, so that what else the machine does stays out of it. */
async function microseconds(task: () => unknown, ms: number): Promise<number> {
  for (let i = 0; i < 20; i++) await task();
  const began = performance.now();
  const before = process.cpuUsage();
  let count = 0;
  for (; count < 20 || performance.now() - began < ms; count++) await task();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

/** Processor microseconds of one verdict: both towers, probabilities, decisions and scores. */
async function scoring(ms: number) {
  const rows = [];
  for (const width of WIDTHS) {
    const scorer = await HeadScorer.open({ width, scale: 100 });
    for (const classes of CLASSES) {
      const [feature, both] = [noise(width), noise(2 * classes * width)];
      const [yes, no] = [both.subarray(0, classes * width), both.subarray(classes * width)];
      scorer.put('head', { rows: both, negatives: null });
      const typed = await microseconds(() => scoredBy(cosines(feature, yes), cosines(feature, no), 100, 5), ms);
      const onnx = await microseconds(() => scorer.score('head', feature, 5), ms);
      rows.push({ width, classes, typed, onnx });
      scorer.drop('head');
    }
  }
  return rows;
}

/** All tenants have the same names, each in an order of its own, so that all must say the same of an image. */
async function resident(seconds: number, bundle: string) {
  const names = Array.from({ length: PER_TENANT }, (_, i) => `object number ${i}`);
  const classesOf = (tenant: number) => [...names.slice(tenant), ...names.slice(0, tenant)];
  const env = { CLIPN_HEADS_BYTES: String(HEADS_BYTES), CLIPN_BUILD_WAIT_MS: '600000' };
  const pictures = await photographsOrMade();
  const jpeg = pictures.jpegs[0] as Buffer;
  return withService({ dir: bundle, env }, async (target) => {
    const began = performance.now();
    for (let i = 0; i < TENANTS; i++) {
      const reply = await putTenant(target.url, `t${i}`, { classes: classesOf(i) });
      if (reply.status !== 201) throw new Error(`tenant ${i}: ${reply.status} ${await reply.text()}`);
      await reply.arrayBuffer();
    }
    const registered = (performance.now() - began) / 1000;
    const verdicts = new Set<string>();
    const load = (tenantOf: (i: number) => number, clients: number) =>
      closedLoop(target.url, clients, seconds, (i) => request(jpeg, `?tenant=t${tenantOf(i)}&top_k=1`));
    const phases: Record<string, ReturnType<typeof summary> & { perSecond: number }> = {};
    for (const [phase, tenantOf, clients] of [
      ['one tenant, 1 client', () => 0, 1],
      ['all in turn, 1 client', (i: number) => i % TENANTS, 1],
      ['one tenant, 8 clients', () => 0, 8],
      ['100 of them, 8 clients', (i: number) => (i * 37) % 100, 8],
      ['all in turn, 8 clients', (i: number) => i % TENANTS, 8],
    ] as const) {
      const outcomes = await load(tenantOf, clients);
      if (outcomes.count(200) !== outcomes.count()) throw new Error(`${phase}: ${JSON.stringify(outcomes.statuses)}`);
      phases[phase] = { ...summary(outcomes.of(200)), perSecond: outcomes.count(200) / seconds };
    }
    for (let i = 0; i < TENANTS; i += 50) {
      const { path, body } = request(jpeg, `?tenant=t${i}&top_k=1`);
      const reply = await fetch(target.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body: Buffer.concat(body),
      });
      const [{ prediction, decisions }] = (
        (await reply.json()) as { results: [{ prediction: { class: string }; decisions: object }] }
      ).results;
      verdicts.add(JSON.stringify([prediction.class, decisions]));
    }
    return {
      tenants: TENANTS,
      classes: PER_TENANT,
      limit: HEADS_BYTES,
      allHeads: 2 * 4 * target.bundle.manifest.embedding_dim * PER_TENANT * TENANTS,
      registeredSeconds: registered,
      phases,
      verdicts: verdicts.size,
      memory: { front: usage(target.front), engine: usage(target.engine()) },
    };
  });
}

export const heads: Bench = async ({ seconds = 8 }) => {
  const micro = await scoring(40 * seconds);
  console.log('One verdict, processor microseconds: cosines of both towers, probabilities, decisions and scores\n');
  table(
    ['D', 'classes', 'typed arrays', 'ONNX'],
    micro.map((r) => [r.width, r.classes, fixed(r.typed), fixed(r.onnx)]),
  );
  return micro;
};

export const manyHeads: Bench = async ({ seconds = 8, bundle }) => {
  const many = await resident(seconds, bundle);
  console.log(
    `${many.tenants} tenants of ${many.classes} classes: ${megabytes(many.allHeads)} MiB of heads, ${megabytes(many.limit)} MiB of them in the engine; registered in ${fixed(many.registeredSeconds, 0)} s\n`,
  );
  table(
    ['requests to', 'images/s', 'p50 ms', 'p99 ms'],
    Object.entries(many.phases).map(([name, p]) => [name, fixed(p.perSecond, 0), fixed(p.p50), fixed(p.p99)]),
  );
  const { front, engine } = many.memory;
  console.log(
    `\nresident: engine ${megabytes(engine.rss)} MiB (peak ${megabytes(engine.peak)}), front ${megabytes(front.rss)} MiB (peak ${megabytes(front.peak)}); different verdicts on one image: ${many.verdicts}`,
  );
  return many;
};
