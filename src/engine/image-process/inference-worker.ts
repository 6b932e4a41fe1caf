/**
 * The one thread that owns the image session. onnxruntime-node blocks the thread that calls it, so nothing else lives
 * here; the thread is never terminated, it ends with its process.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { readGolden } from '../../bundle/golden.ts';
import { loadBundle } from '../../bundle/load.ts';
import { serializeError } from '../../errors/index.ts';
import { deviceOf } from '../shared/devices.ts';
import { checkGolden } from '../shared/golden.ts';
import { setNiceness } from '../shared/niceness.ts';
import { openImageSession } from '../shared/sessions.ts';
import type { FromWorker, ToWorker, WorkerInit } from './worker-protocol.ts';

const port = parentPort as NonNullable<typeof parentPort>;
const init = workerData as WorkerInit;

setNiceness(init.niceness);

const post = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

try {
  // checksums were checked by the process that started this thread
  const bundle = await loadBundle(init.bundleDir, { checksums: false, precision: init.precision });
  const { embedding_dim: width } = bundle.manifest;
  const stride = bundle.manifest.image.size ** 2 * 3;
  const device = deviceOf(init.device);
  const session = await openImageSession(bundle, init.threads, device);

  const golden = await readGolden(bundle);
  const count = golden.image.pixels.shape[0] as number;
  const tolerance = bundle.tolerance.image ?? golden.tolerance;
  const [smallest = 1] = init.buckets;
  let worst = 0;
  for (let i = 0; i < count; i++) {
    const pixels = new Uint8Array(smallest * stride);
    pixels.set(golden.image.pixels.data.subarray(i * stride, (i + 1) * stride));
    const features = await session.run(pixels, smallest);
    const expected = golden.image.features.data.subarray(i * width, (i + 1) * width);
    worst = Math.max(
      worst,
      checkGolden(`image ${i}, ${init.precision}`, features.slice(0, width), expected, tolerance),
    );
  }
  // the largest first: the arena grows once and not with every bucket. A device then meets all other shapes, so that none is prepared under
  // load; a CPU prepares nothing, and a start should not take as long as a hundred images
  const warmed = device.kind === 'cpu' ? init.buckets.slice(-1) : [...init.buckets].reverse();
  for (const bucket of warmed) await session.run(new Uint8Array(bucket * stride), bucket);

  // one at a time: the session blocks, but its promise settles later than the next message is read
  let last: Promise<void> = Promise.resolve();
  const run = async ({ pixels }: ToWorker): Promise<void> => {
    try {
      const started = performance.now();
      const features = await session.run(pixels, pixels.length / stride);
      const seconds = (performance.now() - started) / 1000;
      post({ kind: 'ran', features, seconds, pixels }, [pixels.buffer]);
    } catch (error) {
      post({ kind: 'failed', error: serializeError(error) });
    }
  };
  port.on('message', (message: ToWorker) => {
    last = last.then(() => run(message));
  });
  post({ kind: 'ready', goldenMaxDifference: worst });
} catch (error) {
  post({ kind: 'failed', error: serializeError(error) });
}
