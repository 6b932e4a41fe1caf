/**
 * The decoders of an engine on a device, alone: threads as `open-lanes.ts` starts them, without a device behind them. Reads its input as JSON from
 * standard input, begins at the next line, and prints a line of JSON.
 */
import { setMaxListeners } from 'node:events';
import { createInterface } from 'node:readline';
import { loadBundle } from '../../../src/bundle/load.ts';
import { Cores } from '../../../src/engine/image-process/lanes/cores.ts';
import { LaneThread } from '../../../src/engine/image-process/lanes/lane-thread.ts';
import { Lanes } from '../../../src/engine/image-process/lanes/lanes.ts';

export interface DecodersInput {
  bundle: string;
  threads: number;
  /** Images that a thread takes at a time. */
  atOnce: number;
  seconds: number;
  /** In base64. */
  jpegs: string[];
}

export interface DecodersRate {
  images: number;
  seconds: number;
  /** Processor milliseconds of an image, all threads of the process. */
  cpuMs: number;
}

const MAX_PIXELS = 1e8;
const events = {
  run: () => {},
  death: (reason: string) => {
    throw new Error(reason);
  },
};

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const {
  bundle: dir,
  threads,
  atOnce,
  seconds,
  jpegs,
} = JSON.parse((await lines.next()).value as string) as DecodersInput;
const files = jpegs.map((jpeg) => Buffer.from(jpeg, 'base64'));
const bundle = await loadBundle(dir, { checksums: false });
const init = { bundle, maxPixels: MAX_PIXELS, decode: 'exact' as const, cores: new Cores().shared };
const started = await Promise.all(Array.from({ length: threads }, () => LaneThread.start(init, events)));
const lanes = new Lanes({ lanes: started.map(({ thread }) => Object.assign(thread, { maxBatch: atOnce })) });
const { signal } = new AbortController();
setMaxListeners(0, signal);
let next = 0;
const one = () =>
  lanes.submit(
    { sha256: '', bytes: files[next++ % files.length] as Buffer, readings: false, orientation: 'apply' },
    { place: { key: 'bench', priority: 'interactive' }, deadline: () => Number.POSITIVE_INFINITY, signal },
  );
await Promise.all(files.slice(0, 2 * threads).map(one));

process.stdout.write('ready\n');
await lines.next();
const [cpu, began] = [process.cpuUsage(), performance.now()];
let images = 0;
const client = async () => {
  while (performance.now() - began < seconds * 1000) {
    await one();
    images++;
  }
};
// always more than the threads take, so that none waits for the next image
await Promise.all(Array.from({ length: 2 * threads * atOnce }, client));
const elapsed = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(cpu);
const rate: DecodersRate = { images, seconds: elapsed, cpuMs: (user + system) / 1000 / images };
process.stdout.write(`${JSON.stringify(rate)}\n`, () => process.exit());
