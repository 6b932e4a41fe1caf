/**
 * `npm run bench -- gate-faults`: the engine killed every five seconds under load, failing open and failing closed; ten thousand uploads
 * that are broken off. The tests do the same for a few seconds.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { abortUploads, gateInFront, killUnderLoad, memoryOf } from '../../helpers/gate-faults.ts';
import { waves } from '../../helpers/images.ts';
import { photographs } from '../../helpers/paths.ts';
import type { Bench } from '../main.ts';
import { megabytes } from '../report.ts';

const ROUNDS = 5;

export const gateFaults: Bench = async ({ seconds = 60, connections }) => {
  const images = photographs.length
    ? await Promise.all(photographs.slice(0, 40).map((file) => readFile(file)))
    : await Promise.all([1, 2, 3, 4].map((seed) => waves(300, 200, seed).jpeg().toBuffer()));
  const results: Record<string, unknown> = {};
  for (const fail of ['open', 'closed'] as const) {
    const cleanups: (() => unknown)[] = [];
    const dir = await mkdtemp(join(tmpdir(), 'clipn-gate-bench-'));
    try {
      const front = await gateInFront({ after: (f) => void cleanups.unshift(f as () => unknown) }, dir, fail);
      const load = { images, seconds, everySeconds: 5, connections: connections?.[0] ?? 8 };
      const outcome = await killUnderLoad(front, load);
      console.log(`engine killed every 5 s for ${seconds} s, fail ${fail}: ${JSON.stringify(outcome)}`);
      results[fail] = outcome;
      if (fail === 'open') {
        await abortUploads(front, 500);
        const memory = [await memoryOf(front)];
        // again and again: a heap that has grown once is no leak, one that continues to grow is
        for (let round = 0; round < ROUNDS; round++) {
          await abortUploads(front, 10_000);
          memory.push(await memoryOf(front));
        }
        console.log(
          `10,000 broken uploads, ${ROUNDS} times: memory ${memory.map(megabytes).join(' -> ')} MB, nothing hangs`,
        );
        results['aborted'] = { memory };
      }
    } finally {
      for (const cleanup of cleanups) await cleanup();
      await rm(dir, { recursive: true, force: true });
    }
  }
  return results;
};
