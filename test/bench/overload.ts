/**
 * `npm run bench -- overload`: ten times what the service can do, open loop, then silence: what is still answered, how fast the
 * rest is refused, whether memory stays, and how soon latency is what it was. Refusals are timed by the flooding client, by a second
 * process with few requests, and in the service.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { closedLoop, openLoop } from './load/loops.ts';
import { Outcomes, quantile, summary } from './load/outcomes.ts';
import { photographsOrMade } from './load/pictures.ts';
import { type SecondClient, secondClient } from './load/second-client.ts';
import type { Bench } from './main.ts';
import { frontTimes } from './measure/front-times.ts';
import { withService } from './measure/target.ts';
import { cpuDuring, usage } from './measure/usage.ts';
import { fixed, megabytes, table } from './report.ts';
import { from } from './service.ts';

const TIMES = 10;
/** Share of the peak that counts as normal load. */
const NORMAL = 0.5;
const WINDOW_MS = 250;
const DEADLINE_MS = 10_000;
/** Requests per second of the probing client. */
const PROBE_RATE = 20;

/** Milliseconds after `start` until the median of a window is back within a quarter of `normal`, and stays there until `end`. */
function recovery(answers: { at: number; latency: number }[], start: number, end: number, normal: number): number {
  const windows = new Map<number, number[]>();
  for (const { at, latency } of answers) {
    // the last window would have a few answers only, and no median to speak of
    if (at > end) continue;
    const window = Math.floor((at - start) / WINDOW_MS);
    windows.set(window, [...(windows.get(window) ?? []), latency]);
  }
  const slow = [...windows]
    .filter(([, latencies]) => quantile(latencies, 0.5) > 1.25 * normal)
    .map(([window]) => window);
  return (Math.max(-1, ...slow) + 1) * WINDOW_MS;
}

export const overload: Bench = async ({ bundle: dir, seconds = 60 }) => {
  const pictures = await photographsOrMade();
  const times = frontTimes();
  let second: SecondClient | undefined;
  return withService({ dir, env: times.env }, async (target) => {
    const processes = () => ({ front: target.front, engine: target.engine() });
    await closedLoop(target.url, 8, 3, from(pictures));
    const peakSeconds = Math.min(10, seconds);
    const peak = (await closedLoop(target.url, 32, peakSeconds, from(pictures))).count(200) / peakSeconds;
    if (peak === 0) throw new Error('the service gave no verdict');
    const load = { rate: peak * NORMAL, seconds: 6 };
    const normal = summary((await openLoop(target.url, load, from(pictures))).of(200));

    second = await secondClient(target.url, { rate: PROBE_RATE, seconds: seconds * 0.8 });
    await times.take(target);
    const before = { front: usage(target.front).rss, engine: usage(target.engine()).rss };
    const outcomes = new Outcomes();
    const firstSecond: number[] = [];
    const add429 = outcomes.add.bind(outcomes);
    outcomes.add = (reply, latency) => {
      add429(reply, latency);
      if (reply.status === 429 && performance.now() < start + 1000) firstSecond.push(latency);
    };
    const start = performance.now();
    const flood = openLoop(target.url, { rate: TIMES * peak, seconds }, from(pictures), outcomes);
    const middle = new Promise<typeof before>((resolve) =>
      setTimeout(() => resolve({ front: usage(target.front).rss, engine: usage(target.engine()).rss }), seconds * 500),
    );
    const loop = monitorEventLoopDelay({ resolution: 1 });
    loop.enable();
    const probing = second.ask();
    // its failure is thrown after the flood, where it is awaited
    probing.catch(() => {});
    const { cpu } = await cpuDuring(processes(), () => flood);
    loop.disable();
    const seen = await times.take(target);
    const after = { front: usage(target.front).rss, engine: usage(target.engine()).rss };
    // answers after the last second of the flood are for images queued in it
    const end = performance.now();
    const afterwards = new Outcomes();
    const answers: { at: number; latency: number }[] = [];
    const add = afterwards.add.bind(afterwards);
    afterwards.add = (reply, latency) => {
      add(reply, latency);
      if (reply.status === 200) answers.push({ at: performance.now(), latency });
    };
    await openLoop(target.url, load, from(pictures), afterwards);

    const results = {
      peak,
      normal,
      // images still queued at the end are answered after it
      goodput: outcomes.answeredAt.filter((at) => at < start + seconds * 1000).length / seconds,
      accepted: summary(outcomes.of(200)),
      refused: summary(outcomes.of(429)),
      probe: summary((await probing)['429'] ?? []),
      firstSecond: summary(firstSecond),
      service: { refused: summary(seen.statuses['429'] ?? []), pauses: summary(seen.pauses), loopMs: seen.loopMs },
      clientLoopMs: { p50: loop.percentile(50) / 1e6, p99: loop.percentile(99) / 1e6 },
      late: outcomes.of(200).filter((ms) => ms > DEADLINE_MS).length,
      statuses: outcomes.statuses,
      cpuSeconds: cpu,
      memory: { before, middle: await middle, after },
      recoveryMs: recovery(answers, end, end + load.seconds * 1000, normal.p50),
      afterwards: summary(afterwards.of(200)),
    };
    const { accepted, refused, memory } = results;
    console.log(`peak ${fixed(peak, 0)} images/s; at half of it p50 ${fixed(normal.p50)} ms\n`);
    table(
      [`${TIMES}x for ${seconds} s`, 'per second', 'p50', 'p95', 'p99', 'max ms'],
      [
        [
          'verdicts',
          fixed(results.goodput, 0),
          ...[accepted.p50, accepted.p95, accepted.p99, accepted.max].map((v) => fixed(v)),
        ],
        [
          'refused',
          fixed(refused.n / seconds, 0),
          ...[refused.p50, refused.p95, refused.p99, refused.max].map((v) => fixed(v)),
        ],
      ],
    );
    const { probe: probed, clientLoopMs } = results;
    console.log(
      `refusals of ${probed.n} requests by a second client process: p50 ${fixed(probed.p50)}, p95 ${fixed(probed.p95)}, p99 ${fixed(probed.p99)} ms; event loop of the flooding client: p50 ${fixed(clientLoopMs.p50)}, p99 ${fixed(clientLoopMs.p99)} ms`,
    );
    const { service, firstSecond: first } = results;
    console.log(
      `refusals of the first second: ${first.n}, p50 ${fixed(first.p50)}, p99 ${fixed(first.p99)} ms. In the service, from the head to the answer: p50 ${fixed(service.refused.p50)}, p95 ${fixed(service.refused.p95)}, p99 ${fixed(service.refused.p99)} ms; its event loop: p50 ${fixed(service.loopMs.p50)}, p99 ${fixed(service.loopMs.p99)} ms; ${service.pauses.n} pauses of its garbage collector, p50 ${fixed(service.pauses.p50)}, longest ${fixed(service.pauses.max)} ms`,
    );
    console.log(
      `goodput / peak ${fixed(results.goodput / peak, 3)}; statuses ${JSON.stringify(results.statuses)}; past the deadline ${results.late}`,
    );
    console.log(
      `processor: front ${fixed(cpu.front / seconds, 2)}, engine ${fixed(cpu.engine / seconds, 2)}, client ${fixed(cpu.client / seconds, 2)} cores`,
    );
    console.log(
      `resident MiB, before / middle / after: front ${[memory.before, memory.middle, memory.after].map((m) => megabytes(m.front)).join(' / ')}, engine ${[memory.before, memory.middle, memory.after].map((m) => megabytes(m.engine)).join(' / ')}`,
    );
    console.log(`back to the normal p50 after ${results.recoveryMs} ms; then p50 ${fixed(results.afterwards.p50)} ms`);
    return results;
  }).finally(() => second?.end());
};
