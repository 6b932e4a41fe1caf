import { createHash } from 'node:crypto';
import type { Detection, DetectRequest } from '../engine/index.ts';
import { Collector } from './collector.ts';
import type { LikeWord, Row } from './rows.ts';
import { keyOf, scoreImages } from './score-images.ts';
import type { ScoreLog } from './score-log.ts';
import { type ImageFile, type ImageSet, imagesOf } from './sets.ts';

/** Judges images. It is started only if an image remains to be judged. */
export interface Judge {
  detect(request: DetectRequest): Promise<Detection>;
  /** Finds the words that an image looks like, by its embedding; absent without negative labels. */
  look?: (embedding: Float32Array) => Promise<readonly LikeWord[]>;
  headId: string;
  concurrency: number;
}

export interface Evaluation {
  sets: [ImageSet, ...ImageSet[]];
  classes: string[];
  /** Rows of this and earlier runs; without a log nothing is kept. */
  log?: ScoreLog;
  start(): Promise<Judge>;
  signal: AbortSignal;
  /** Called for every image; `known` if an earlier run judged it. */
  onImage(known: boolean): void;
}

/** Hash of everything besides the bundle that a row depends on: folders and names of the classes, and the prompts of both encoders. */
export function classesHash(folders: string[], classes: string[], prompts: { yes: string[]; no: string[] }): string {
  return createHash('sha256')
    .update(JSON.stringify([folders, classes, prompts.yes, prompts.no]))
    .digest('hex');
}

/**
 * Judges every image that no earlier run has judged, and returns the collected result; undefined if the signal ended it early.
 * @throws errors of starting the judge and of writing rows; EngineLost
 */
export async function evaluate(evaluation: Evaluation): Promise<Collector | undefined> {
  const { sets, classes, log, signal, onImage } = evaluation;
  const collector = new Collector(
    sets.map((s) => s.name),
    classes.length,
  );
  const fresh = unjudged(imagesOf(sets), evaluation);
  const first = await fresh.next();
  if (!first.done && !signal.aborted) {
    const judge = await evaluation.start();
    const onRow = (row: Row) => {
      log?.append(row);
      collector.add(row);
      onImage(false);
    };
    await scoreImages(startingWith(first.value, fresh), { ...judge, signal, onRow });
  }
  if (signal.aborted) return undefined;
  await log?.replay((row) => collector.add(row));
  return collector;
}

/** The images that no earlier run has judged. */
async function* unjudged(
  images: AsyncGenerator<ImageFile>,
  { log, onImage, signal }: Evaluation,
): AsyncGenerator<ImageFile> {
  for await (const image of images) {
    if (signal.aborted) return;
    if (log?.has(keyOf(image))) onImage(true);
    else yield image;
  }
}

async function* startingWith<T>(first: T, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}
