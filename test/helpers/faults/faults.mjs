/** ENGINE_FAULTS lists `what:sha256` of images that bring about a fault, or `what:start` for one when the process starts. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const listed = (process.env.ENGINE_FAULTS ?? '').split(',').map((entry) => entry.split(':'));
const kept = [];

const FAULTS = {
  crash: () => process.kill(process.pid, 'SIGSEGV'),
  /** The main thread answers nothing any more. */
  hang: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  /** One decoder never comes back, the process is otherwise well. */
  stall: () => new Promise(() => {}),
  slow: () => sleep(1500),
  memory: async () => {
    // 512 MiB in small steps: the main thread must go on answering
    for (let i = 0; i < 64; i++) {
      kept.push(Buffer.alloc(8 * 2 ** 20, 1));
      await sleep(5);
    }
    await sleep(3000);
  },
};

/** Brings about what is listed for `where`: the sha256 of an image, or `start`. */
export async function faultAt(where) {
  for (const [what, place] of listed) if (place === where) await FAULTS[what]?.();
}

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
