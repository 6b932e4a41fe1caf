/** `npm run bench`: latency and throughput of the whole service, and of its liveness meanwhile. */

import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { noise } from '../helpers/images.ts';
import { photographs } from '../helpers/paths.ts';
import { sendImage, startService } from '../helpers/service.ts';

const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 10);

const quantile = (sorted: number[], q: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] as number;
const line = (what: string, values: number[], unit = 'ms') => {
  const sorted = [...values].sort((a, b) => a - b);
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => quantile(sorted, q).toFixed(1));
  console.log(
    `${what.padEnd(46)} n ${String(sorted.length).padStart(6)}   p50 ${p50}   p95 ${p95}   p99 ${p99} ${unit}`,
  );
};

async function timed(task: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await task();
  return performance.now() - began;
}

/** Clients that send the next image as soon as the last is answered. */
async function clients(count: number, url: string, images: Buffer[], until: number): Promise<number[]> {
  const times: number[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: count }, async () => {
      while (Date.now() < until) {
        const image = images[next++ % images.length] as Buffer;
        times.push(await timed(async () => (await sendImage(url, image)).arrayBuffer()));
      }
    }),
  );
  return times;
}

const cleanups: (() => unknown)[] = [];
const data = mkdtempSync(join(tmpdir(), 'clipn-gate-bench-'));
cleanups.push(() => rmSync(data, { recursive: true, force: true }));
try {
  const { url } = await startService({ after: (task: () => unknown) => cleanups.unshift(task) } as never, data);
  const images =
    photographs.length > 0
      ? await Promise.all(photographs.map((f) => readFile(f)))
      : await Promise.all(
          Array.from({ length: 50 }, (_, i) =>
            noise(300, 225, i + 1)
              .jpeg({ quality: 80 })
              .toBuffer(),
          ),
        );
  console.log(
    `${images.length} ${photographs.length > 0 ? 'photographs' : 'made pictures'}, ${SECONDS} s each, clients on the same machine\n`,
  );
  await clients(8, url, images, Date.now() + 1500);

  const livez = async (until: number) => {
    const times: number[] = [];
    while (Date.now() < until) {
      times.push(await timed(async () => (await fetch(`${url}/livez`)).arrayBuffer()));
      await sleep(5);
    }
    return times;
  };
  line('/livez, idle', await livez(Date.now() + SECONDS * 250));
  for (const count of [1, 8, 32]) {
    const until = Date.now() + SECONDS * 1000;
    const began = Date.now();
    const [detections, alive] = await Promise.all([clients(count, url, images, until), livez(until)]);
    line(
      `/v1/detect, ${count} client${count > 1 ? 's' : ''} (${(detections.length / ((Date.now() - began) / 1000)).toFixed(0)} images/s)`,
      detections,
    );
    line(`/livez meanwhile`, alive);
  }
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const of = (name: string) => Number(new RegExp(`${name} ([\\d.e+-]+)`).exec(metrics)?.[1]);
  console.log(
    `\nmean batch ${(of('clipn_batch_size_sum') / of('clipn_batch_size_count')).toFixed(2)}, inference ${((1000 * of('clipn_inference_seconds_sum')) / of('clipn_batch_size_sum')).toFixed(2)} ms per image, decode ${((1000 * of('clipn_decode_seconds_sum')) / of('clipn_decode_seconds_count')).toFixed(2)} ms`,
  );
} finally {
  for (const cleanup of cleanups) await cleanup();
}
