/**
 * Faults on purpose, for tests of supervision: CLIPN_TEST_FAULTS lists `what:sha256` of images that bring them about, or `start:what`.
 * Without that variable there is nothing here to run.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const listed = process.env['CLIPN_TEST_FAULTS']?.split(',').map((entry) => entry.split(':'));
const kept: Buffer[] = [];

const FAULTS: Record<string, () => unknown> = {
  crash: () => process.kill(process.pid, 'SIGSEGV'),
  /** The main thread answers nothing any more. */
  hang: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  /** One decoder never comes back, the process is otherwise well. */
  stall: () => new Promise(() => {}),
  slow: () => sleep(1500),
  memory: async () => {
    // in small steps: the main thread must go on answering
    for (let i = 0; i < 48; i++) {
      kept.push(Buffer.alloc(8 * 2 ** 20, 1));
      await sleep(5);
    }
    await sleep(3000);
  },
};

export async function faultOnImage(bytes: Uint8Array): Promise<void> {
  if (!listed) return;
  const hash = createHash('sha256').update(bytes).digest('hex');
  for (const [what, image] of listed) if (image === hash) await FAULTS[what as string]?.();
}

export async function faultOnStart(): Promise<void> {
  for (const [when, what] of listed ?? []) if (when === 'start') await FAULTS[what as string]?.();
}
