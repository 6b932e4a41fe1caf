/**
 * The one thread that owns the image session. onnxruntime-node blocks the thread that calls it, so nothing else lives
 * here; the thread is never terminated, it ends with its process.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { readGolden } from '../bundle/golden.ts';
import { loadBundle } from '../bundle/load.ts';
import { ServiceError, serializeError } from '../errors/index.ts';
import { checkGolden } from './golden.ts';
import { score } from './scoring.ts';
import { openImageSession } from './sessions.ts';
import type { Head } from './types.ts';
import type { FromWorker, ItemResult, ToWorker, WorkerInit } from './worker-protocol.ts';

const port = parentPort as NonNullable<typeof parentPort>;
const init = workerData as WorkerInit;
const heads = new Map<string, Head>();

const post = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

try {
  // checksums were checked by the process that started this thread
  const bundle = await loadBundle(init.bundleDir, { checksums: false, precision: init.precision });
  const { embedding_dim: width, logit_scale: scale } = bundle.manifest;
  const stride = bundle.manifest.image.size ** 2 * 3;
  const session = await openImageSession(bundle, init.threads);

  /** Pads to the next bucket: few shapes mean stable memory and no kernel selection under load. */
  const runPadded = async (pixels: Uint8Array, n: number): Promise<Float32Array> => {
    const bucket = init.buckets.find((b) => b >= n) ?? n;
    if (pixels.length === bucket * stride) return session.run(pixels, bucket);
    const padded = new Uint8Array(bucket * stride);
    padded.set(pixels.subarray(0, n * stride));
    return session.run(padded, bucket);
  };

  const golden = await readGolden(bundle);
  const count = golden.image.pixels.shape[0] as number;
  const tolerance = bundle.tolerance.image ?? golden.tolerance;
  let worst = 0;
  for (let i = 0; i < count; i++) {
    const features = await runPadded(golden.image.pixels.data.slice(i * stride, (i + 1) * stride), 1);
    const expected = golden.image.features.data.subarray(i * width, (i + 1) * width);
    worst = Math.max(
      worst,
      checkGolden(`image ${i}, ${init.precision}`, features.slice(0, width), expected, tolerance),
    );
  }
  for (const bucket of init.buckets) await session.run(new Uint8Array(bucket * stride), bucket);

  const run = async (message: Extract<ToWorker, { kind: 'run' }>): Promise<ItemResult[]> => {
    const features = await runPadded(message.pixels, message.items.length);
    return message.items.map((item, i): ItemResult => {
      const head = heads.get(item.headId);
      if (!head) {
        const error = new ServiceError('tenant_not_ready', "The tenant's features are being replaced; try again.", {
          retryAfter: 1,
        });
        return { error: serializeError(error) };
      }
      try {
        return { verdict: score(features.slice(i * width, (i + 1) * width), head, scale, item.topK) };
      } catch (error) {
        return { error: serializeError(error) };
      }
    });
  };

  port.on('message', async (message: ToWorker) => {
    if (message.kind === 'putHead') heads.set(message.id, message.head);
    else if (message.kind === 'dropHead') heads.delete(message.id);
    else {
      try {
        const started = performance.now();
        const results = await run(message);
        const seconds = (performance.now() - started) / 1000;
        post({ kind: 'ran', results, seconds, pixels: message.pixels }, [message.pixels.buffer as ArrayBuffer]);
      } catch (error) {
        post({ kind: 'failed', error: serializeError(error) });
      }
    }
  });
  post({ kind: 'ready', goldenMaxDifference: worst });
} catch (error) {
  post({ kind: 'failed', error: serializeError(error) });
}
