/**
 * `npm run bench -- device --device cuda`: everything that is to be known about a device, in one run. Golden check on it, verdicts beside
 * the CPU's, images/s of the raw session and of the whole service, share of the device's fp16 peak, memory, two engines on it.
 * `--device cpu` is the dry run. See gpu.sh.
 */
import { loadBundle } from '../../src/bundle/load.ts';
import { sendImage } from '../helpers/service.ts';
import { card as cardOf, deviceMemory } from './gpu/card.ts';
import { closedLoop } from './load/loops.ts';
import { photographsOrMade } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { measureCeilings } from './measure/ceilings.ts';
import { imageFlops } from './measure/flops.ts';
import { type Target, withService } from './measure/target.ts';
import { usage } from './measure/usage.ts';
import { fixed, megabytes, table } from './report.ts';
import { type Figures, from, HEADINGS, measured, row } from './service.ts';

const TOLERANCE = 2e-3;
const IMAGES = 100;
const TENANT = 'device';

interface Verdict {
  ood_probability: number;
  top: { index: number; probability: number; no_probability: number }[];
}

async function verdicts(target: Target, jpegs: Buffer[]): Promise<number[][]> {
  const numbers: number[][] = [];
  for (const jpeg of jpegs.slice(0, IMAGES)) {
    const response = await sendImage(target.url, jpeg, `?tenant=${TENANT}&top_k=10`);
    const reply = (await response.json()) as { results: Verdict[] };
    const [verdict] = reply.results;
    if (!verdict) throw new Error(`${response.status} ${JSON.stringify(reply)}`);
    const top = verdict.top.toSorted((a, b) => a.index - b.index);
    numbers.push([verdict.ood_probability, ...top.flatMap((c) => [c.probability, c.no_probability])]);
  }
  return numbers;
}

const readiness = ({ log }: Target) => log.filter((l) => l['msg'] === 'engine ready');

export const device: Bench = async ({ bundle: dir, seconds = 10, connections = [1, 32, 64], device = 'cpu' }) => {
  const { jpegs, name } = await photographsOrMade();
  const pictures = { jpegs, name };
  // a CPU would choose int8, whose verdicts are those of another graph
  const precision = device.startsWith('cpu') ? { CLIPN_PRECISION: 'fp32' } : {};
  const batch = { CLIPN_MAX_BATCH: '64', CLIPN_MAX_QUEUE: '1024', CLIPN_REQUEST_TIMEOUT_MS: '60000', ...precision };
  const base = await loadBundle(dir, { checksums: false });
  const flops = await imageFlops(base);

  console.log('verdicts of the CPU, in fp32 ...');
  const reference = await withService(
    { dir, tenants: [TENANT], env: { CLIPN_DEVICE: 'cpu', CLIPN_PRECISION: 'fp32' } },
    (target) => verdicts(target, jpegs),
  );
  const one = await withService({ dir, tenants: [TENANT], env: { ...batch, CLIPN_DEVICE: device } }, async (target) => {
    const [engine] = readiness(target);
    const { precision, goldenMaxDifference } = engine as { precision: string; goldenMaxDifference: number };
    const here = await verdicts(target, jpegs);
    const difference = Math.max(
      ...here.flatMap((row, i) => row.map((v, j) => Math.abs(v - (reference[i]?.[j] ?? Number.NaN)))),
    );
    await closedLoop(target.url, 32, 2, from(pictures, [TENANT]));
    const closed: Record<string, Figures> = {};
    for (const count of connections) {
      closed[count] = await measured(target, () => closedLoop(target.url, count, seconds, from(pictures, [TENANT])));
    }
    const memory = { device: deviceMemory(target.engine()), resident: usage(target.engine()).rss };
    return { precision, goldenMaxDifference, difference, closed, memory, startSeconds: target.startSeconds };
  });
  const ceilings = await measureCeilings(
    { ...base, precision: one.precision as typeof base.precision },
    jpegs,
    4,
    device,
  );
  const two = await withService(
    { dir, tenants: [TENANT], env: { ...batch, CLIPN_DEVICE: `${device},${device}` } },
    async (target) => {
      await closedLoop(target.url, 32, 2, from(pictures, [TENANT]));
      const count = Math.max(...connections);
      const closed = await measured(target, () => closedLoop(target.url, count, seconds, from(pictures, [TENANT])));
      const pids = readiness(target).map((l) => Number(l['pid']));
      return { closed, memory: pids.map((pid) => ({ device: deviceMemory(pid), resident: usage(pid).rss })) };
    },
  );

  const { name: card = 'no card that nvidia-smi knows', peak } = cardOf();
  const share = (imagesPerSecond: number) => (imagesPerSecond * flops) / (peak * 1e12);
  const best = Math.max(...Object.values(one.closed).map((f) => f.imagesPerSecond));
  const memory = (m: { device: number; resident: number }) =>
    `${Number.isNaN(m.device) ? '' : `${m.device} MiB on the device, `}${megabytes(m.resident)} MiB resident`;
  table(HEADINGS, [
    ...Object.entries(one.closed).map(([count, f]) => row(`closed, ${count} at a time`, f)),
    row(`two engines, ${Math.max(...connections)} at a time`, two.closed),
  ]);
  console.log(
    [
      '',
      `device ${device}, ${card}; ${base.manifest.name} in ${one.precision}, ready after ${fixed(one.startSeconds)} s`,
      `golden check on the device: largest difference ${one.goldenMaxDifference.toExponential(1)}, passed`,
      `verdicts of ${Math.min(IMAGES, jpegs.length)} images against the CPU: largest difference of a probability ${one.difference.toExponential(1)}, ${one.difference <= TOLERANCE ? 'within' : 'NOT within'} ${TOLERANCE}`,
      `raw session: ${fixed(ceilings.inference.imagesPerSecond, 0)} images/s at batch ${ceilings.inference.batch}, ${fixed(100 * share(ceilings.inference.imagesPerSecond))} % of the fp16 peak (${fixed(flops / 1e9, 2)} GFLOP per image, ${fixed(peak, 0)} TFLOP/s)`,
      `whole service: ${fixed(best, 0)} images/s, ${fixed(100 * share(best))} % of the fp16 peak; decode alone on this machine ${fixed(ceilings.decode.imagesPerSecond, 0)} images/s`,
      `memory of the engine: ${memory(one.memory)}`,
      `two engines: ${fixed(two.closed.imagesPerSecond, 0)} images/s, ${fixed(two.closed.imagesPerSecond / best, 2)} of one; ${two.memory.map(memory).join(' and ')}`,
    ].join('\n'),
  );
  return { device, card, flops, peak, ceilings, one, two };
};
