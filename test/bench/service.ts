/**
 * `npm run bench`: JPEG in, verdict out. Closed loops at several concurrencies, open loops at shares of the best rate, several
 * image sizes and tenants; beside them, from the same run, what decode alone and inference alone can do on this machine.
 */
import { usableCores } from '../../src/engine/index.ts';
import { closedLoop, openLoop } from './load/loops.ts';
import { type Outcomes, summary } from './load/outcomes.ts';
import { type Pictures, photographsOrMade, request, sized } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { type Ceilings, combinedCeiling, measureCeilings } from './measure/ceilings.ts';
import { type Target, withService } from './measure/target.ts';
import { type Part, threadTimesDuring } from './measure/thread-times.ts';
import { cpuDuring, usage } from './measure/usage.ts';
import { fixed, megabytes, table } from './report.ts';

const SIZES = [
  [64, 64],
  [500, 375],
  [1600, 1200],
] as const;
/** V8 compiles the front's code while it serves the first requests: after about 3,000 of them an image costs the front half as much. */
const WARM_SECONDS = 12;
const TENANTS = Array.from({ length: 8 }, (_, i) => `bench-${i}`);

/** One phase of load as figures: rates per second, times in milliseconds, processor time in milliseconds per image. */
export function figures({
  result,
  seconds,
  cpu,
}: {
  result: Outcomes;
  seconds: number;
  cpu: Record<'front' | 'engine' | 'client', number>;
}) {
  const images = result.count(200);
  const perImage = (s: number) => (1000 * s) / images;
  const front = result.mean('total') - result.mean('decode') - result.mean('queue') - result.mean('inference');
  return {
    imagesPerSecond: images / seconds,
    latency: summary(result.of(200)),
    split: {
      decode: result.mean('decode'),
      queue: result.mean('queue'),
      inference: result.mean('inference'),
      front,
    },
    cpu: {
      front: perImage(cpu.front),
      engine: perImage(cpu.engine),
      client: perImage(cpu.client),
      clientShare: cpu.client / seconds / usableCores(),
    },
    statuses: result.statuses,
    oddities: result.oddities,
  };
}
export type Figures = ReturnType<typeof figures> & {
  /** Processor milliseconds per image of each kind of thread. */
  parts: Record<string, Part>;
};

export async function measured(target: Target, load: () => Promise<Outcomes>): Promise<Figures> {
  const pids = { front: target.front, engine: target.engine() };
  const lanes = Number(target.log.findLast((line) => line['msg'] === 'engine ready')?.['lanes'] ?? 0);
  const { result, parts } = await threadTimesDuring(
    { front: { pid: pids.front, lanes: 0 }, engine: { pid: pids.engine, lanes } },
    () => cpuDuring(pids, load),
  );
  const images = Math.max(1, result.result.count(200));
  const perImage = Object.entries(parts).map(([name, { ms, system }]) => [name, { ms: ms / images, system }] as const);
  return { ...figures(result), parts: Object.fromEntries(perImage) };
}

/** The line of one phase that says where the processor time went, and how far it is from the ceiling without the client. */
function split(name: string, f: Figures, ceilings: Ceilings): string {
  const { front, engine, client } = f.cpu;
  const alone = ceilings.decode.cpuMs + ceilings.inference.cpuMs;
  const threads = Object.entries(f.parts)
    .filter(([, { ms }]) => ms >= 0.005)
    .map(([part, { ms, system }]) => `${part} ${fixed(ms, 2)} (kernel ${fixed(100 * system, 0)} %)`);
  return [
    `  ${name}: processor ms per image: client ${fixed(client, 2)}, ${threads.join(', ')}; together ${fixed(front + engine + client, 2)}, decode and inference alone ${fixed(alone, 2)}.`,
    `    Share of the combined ceiling ${fixed(f.imagesPerSecond / combinedCeiling(ceilings), 2)}; computed from processor time as if the client took none: ${fixed(alone / (front + engine), 2)}`,
  ].join('\n');
}

export const HEADINGS = [
  '',
  'images/s',
  'p50',
  'p95',
  'p99 ms',
  'decode',
  'queue',
  'inference',
  'front ms',
  'CPU ms/image: front',
  'engine',
  'client',
  'other statuses',
];

export function row(name: string, f: Figures): string[] {
  const { latency, split, cpu } = f;
  const others = Object.entries(f.statuses).filter(([status]) => status !== '200');
  return [
    name,
    fixed(f.imagesPerSecond, 0),
    ...[latency.p50, latency.p95, latency.p99, split.decode, split.queue, split.inference, split.front].map((v) =>
      fixed(v),
    ),
    ...[cpu.front, cpu.engine, cpu.client].map((v) => fixed(v, 2)),
    others.map(([status, count]) => `${count} x ${status}`).join(', ') || 'none',
  ];
}

export const from =
  (pictures: Pictures, tenants: readonly string[] = []) =>
  (i: number) => {
    const query = tenants.length > 0 ? `?tenant=${tenants[i % tenants.length]}` : '';
    return request(pictures.jpegs[i % pictures.jpegs.length] as Buffer, query);
  };

export function printCeilings(ceilings: Ceilings): void {
  const { decode, inference, single } = ceilings;
  table(
    ['ceilings on this machine', 'images/s', 'CPU ms/image'],
    [
      [
        `raw, ${inference.sessions ?? 1} session(s), batch ${inference.batch}`,
        fixed(inference.imagesPerSecond, 0),
        fixed(inference.cpuMs, 2),
      ],
      ['decode only', fixed(decode.imagesPerSecond, 0), fixed(decode.cpuMs, 2)],
      ['combined (cores / CPU of both)', fixed(combinedCeiling(ceilings), 0), fixed(decode.cpuMs + inference.cpuMs, 2)],
    ],
  );
  console.log(
    `one image, nothing else running: decode ${fixed(single.decode, 2)} ms, run ${fixed(single.run, 2)} ms\n`,
  );
}

export const service: Bench = async ({ bundle: dir, seconds = 8, connections = [1, 2, 8, 32] }) => {
  const pictures = await photographsOrMade();
  return withService({ dir, tenants: TENANTS }, async (target) => {
    const ceilings = await measureCeilings(target.bundle, pictures.jpegs, 3);
    printCeilings(ceilings);
    await closedLoop(target.url, 8, WARM_SECONDS, from(pictures));

    console.log(`${pictures.name}; every file is sent once only, so no cache answers`);
    const closed: Record<string, Figures> = {};
    for (const count of connections) {
      closed[count] = await measured(target, () => closedLoop(target.url, count, seconds, from(pictures)));
    }
    const best = Math.max(...Object.values(closed).map((f) => f.imagesPerSecond));
    const open: Record<string, Figures> = {};
    for (const share of [0.5, 0.8]) {
      const load = { rate: best * share, seconds };
      open[`${share}`] = await measured(target, () => openLoop(target.url, load, from(pictures)));
    }
    const tenants = await measured(target, () => closedLoop(target.url, 32, seconds, from(pictures, TENANTS)));
    const sizes: Record<string, Figures & { ceilings: Ceilings }> = {};
    for (const [width, height] of SIZES) {
      const these = await sized(width, height, 24);
      const beside = await measureCeilings(target.bundle, these.jpegs, 1.5);
      const f = await measured(target, () => closedLoop(target.url, 32, seconds / 2, from(these)));
      sizes[these.name] = { ...f, ceilings: beside };
    }
    table(HEADINGS, [
      ...Object.entries(closed).map(([count, f]) => row(`closed, ${count} at a time`, f)),
      ...Object.entries(open).map(([share, f]) => row(`open, ${fixed(best * Number(share), 0)}/s`, f)),
      row(`closed, 32, ${TENANTS.length} tenants`, tenants),
      ...Object.entries(sizes).map(([name, f]) => row(`closed, 32, ${name}`, f)),
    ]);
    const memory = { front: usage(target.front), engine: usage(target.engine()) };
    const ratio = best / combinedCeiling(ceilings);
    const busiest = String(connections.at(-1));
    const single = closed[1]?.latency.p50 ?? Number.NaN;
    console.log(
      [
        '',
        `best ${fixed(best, 0)} images/s: ${fixed(ratio, 2)} of the combined ceiling, ${fixed(best / ceilings.inference.imagesPerSecond, 2)} of the raw session`,
        ...Object.entries(sizes).map(
          ([name, f]) =>
            `  ${name}: ${fixed(f.imagesPerSecond / combinedCeiling(f.ceilings), 2)} of its combined ceiling (${fixed(combinedCeiling(f.ceilings), 0)})`,
        ),
        split(`closed, ${busiest}`, closed[busiest] as Figures, ceilings),
        ...Object.entries(sizes).map(([name, f]) => split(`closed, 32, ${name}`, f, f.ceilings)),
        `batch ${target.log.findLast((line) => line['msg'] === 'engine ready')?.['batch']}; one at a time: p50 ${fixed(single, 2)} ms, ${fixed(single - ceilings.single.decode - ceilings.single.run, 2)} ms more than decode and run`,
        `memory: front ${megabytes(memory.front.rss)} MiB, engine ${megabytes(memory.engine.rss)} MiB (peaks ${megabytes(memory.front.peak)}, ${megabytes(memory.engine.peak)}); start ${fixed(target.startSeconds, 2)} s`,
      ].join('\n'),
    );
    return { ceilings, closed, open, tenants, sizes, memory, startSeconds: target.startSeconds, ratio };
  });
};
