import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { sendImage, startService } from '../helpers/service.ts';

const LANES = 2;
const CLIENTS = 16;
const SAMPLES = 300;

/** Threads of a process that run or wait for a core now. Source: proc(5), state R. */
function runnable(pid: number): number {
  const states = readdirSync(`/proc/${pid}/task`).map((tid) => {
    try {
      return readFileSync(`/proc/${pid}/task/${tid}/stat`, 'utf8').split(') ')[1]?.[0];
    } catch {
      return undefined;
    }
  });
  return states.filter((state) => state === 'R').length;
}

it('under load, decoding and lanes together keep as many threads of the engine busy as it has cores, beside its main thread', {
  skip: existsSync('/proc/self/task') ? false : 'needs /proc',
}, async (t) => {
  const service = await startService(t, await temporaryDirectory(t), {
    CLIPN_THREADS: String(LANES),
    CLIPN_CACHE_BYTES: '0',
    CLIPN_REQUEST_TIMEOUT_MS: '5m',
  });
  // large enough for decoding to be half of the work
  const images = await Promise.all([1, 2, 3, 4].map((seed) => waves(900, 700, seed).jpeg({ quality: 90 }).toBuffer()));
  let loaded = true;
  let answered = 0;
  const clients = Array.from({ length: CLIENTS }, async (_, i) => {
    while (loaded) {
      const { status } = await sendImage(service.url, images[i % images.length] as Buffer);
      assert.equal(status, 200);
      answered++;
    }
  });
  while (answered < 2 * CLIENTS) await sleep(5);
  const counts: number[] = [];
  while (counts.length < SAMPLES) {
    counts.push(runnable(service.enginePid()));
    await sleep(3);
  }
  loaded = false;
  await Promise.all(clients);
  const mean = counts.reduce((sum, n) => sum + n, 0) / counts.length;
  t.diagnostic(`${mean.toFixed(2)} on average, at most ${Math.max(...counts)}`);
  assert.ok(mean > 0.5, `the engine was loaded: ${mean}`);
  assert.ok(mean <= LANES + 1, `${mean} threads can run on average`);
});
