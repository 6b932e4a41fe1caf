/**
 * The thread of one lane. It decodes its images and then runs them together. This thread waits while libuv's pool decodes,
 * and onnxruntime-node runs on the thread that calls it, so a lane uses about one core. The thread is never terminated; it ends with its process.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { cancelled } from '../../../errors/deadline.ts';
import { serializeError } from '../../../errors/index.ts';
import { configureDecoder, decodeImage } from '../../../images/decode.ts';
import { Room } from '../../../images/room.ts';
import { NICENESS, setNiceness } from '../../../niceness.ts';
import { sharedNow } from '../../ipc/clock.ts';
import { Cores } from './cores.ts';
import { type LaneSession, openLaneSession } from './lane-session.ts';
import {
  decodesAtOnce,
  type FromLane,
  type LaneImage,
  type LaneInit,
  type LaneOutcome,
  type LaneResult,
  type RunReport,
  type ToLane,
} from './protocol.ts';

const port = parentPort as NonNullable<typeof parentPort>;
const init = workerData as LaneInit;
const cores = new Cores(init.cores);
const watch = new Float64Array(init.watch);
const room = new Room();
/** Ids of images that no request waits for any more. */
const dropped = new Set<number>();

setNiceness(NICENESS.lanes);

const post = (message: FromLane, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

/** @param slot index of the pair in `watch` for this image */
async function open(image: LaneImage, slot: number): Promise<LaneResult> {
  const began = sharedNow();
  if (dropped.has(image.id)) throw cancelled();
  if ('pixels' in image) return { others: [], features: [], pixels: image.pixels, began, decoded: began };
  const watched = () => {
    watch[2 * slot + 1] = performance.timeOrigin + performance.now();
    watch[2 * slot] = image.id;
  };
  const enter = async (pixels: number) => {
    watch[2 * slot] = 0;
    const leave = await room.enter(pixels);
    watched();
    return leave;
  };
  watched();
  try {
    const { maxPixels, bundle, decode: mode } = init;
    const { readings, orientation } = image;
    const decoded = await decodeImage(image.bytes, bundle.manifest.image.size, {
      maxPixels,
      readings,
      mode,
      orientation,
      enter,
    });
    const { pixels, others, ...facts } = decoded;
    return {
      facts,
      others: others.map(({ name }) => name),
      features: [],
      pixels: [pixels, ...others.map((other) => other.pixels)] as Uint8Array<ArrayBuffer>[],
      began,
      decoded: sharedNow(),
    };
  } finally {
    watch[2 * slot] = 0;
  }
}

/** Opens images in order, a few of them at a time. */
async function openAll(images: LaneImage[]): Promise<LaneOutcome[]> {
  const outcomes: LaneOutcome[] = [];
  let next = 0;
  const decoder = async (slot: number) => {
    while (next < images.length) {
      const at = next++;
      outcomes[at] = await open(images[at] as LaneImage, slot).then(
        (result) => ({ result }),
        (error) => ({ error: serializeError(error) }),
      );
    }
  };
  await Promise.all(Array.from({ length: decodesAtOnce(init.model) }, (_, slot) => decoder(slot)));
  return outcomes;
}

async function work(images: LaneImage[], session: LaneSession | undefined): Promise<void> {
  const outcomes = await openAll(images);
  const opened = outcomes.flatMap((outcome, i) =>
    'result' in outcome && !dropped.has((images[i] as LaneImage).id) ? [outcome.result] : [],
  );
  dropped.clear();
  const running = sharedNow();
  const runs: RunReport[] = [];
  if (session) {
    const rows = opened.flatMap(({ pixels }) => pixels);
    const { features, reports } = await session.run(rows, rows.length > 0 && session.wide && cores.widen());
    runs.push(...reports);
    let row = 0;
    for (const result of opened) {
      result.features = result.pixels.map(() => features[row++] as Float32Array);
      result.pixels = [];
    }
  }
  const transfer = opened.flatMap(({ pixels }) => pixels.map(({ buffer }) => buffer));
  post({ kind: 'done', outcomes, runs, running }, [...new Set(transfer)]);
}

try {
  configureDecoder({ concurrency: 1 });
  const opened = init.model && (await openLaneSession(init, init.model));
  // messages are worked on one at a time; the next one can arrive during decoding, which does not block this thread
  let last: Promise<void> = Promise.resolve();
  port.on('message', (message: ToLane) => {
    if (message.kind === 'drop') dropped.add(message.id);
    else {
      last = last
        .then(() => work(message.images, opened?.session))
        .catch((error) => {
          post({ kind: 'failed', error: serializeError(error) });
        });
    }
  });
  post({ kind: 'ready', goldenMaxDifference: opened?.goldenMaxDifference ?? 0, batch: opened?.batch ?? 1 });
  // the service does not wait for this session; if it cannot be opened, the process ends as for any error of a lane
  const fatal = (error: unknown) =>
    void setImmediate(() => {
      throw error;
    });
  if (opened) last = last.then(() => opened.session.widen()).catch(fatal);
} catch (error) {
  post({ kind: 'failed', error: serializeError(error) });
}
