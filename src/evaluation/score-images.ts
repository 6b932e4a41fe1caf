import { defined } from '../defined.ts';
import type { Detection, DetectRequest } from '../engine/index.ts';
import { ServiceError } from '../errors/index.ts';
import { readImageFile } from './image-files.ts';
import type { ImageKey, LikeWord, Row } from './rows.ts';
import { classOf, type ImageFile } from './sets.ts';
import { EngineNotBack } from './steady.ts';

export interface Scoring {
  /** Rejects with a ServiceError if there is no verdict. */
  detect(request: DetectRequest): Promise<Detection>;
  /** See `Judge`. */
  look?: ((embedding: Float32Array) => Promise<readonly LikeWord[]>) | undefined;
  headId: string;
  /** Images in progress at a time: read, decoded, waiting or on the device. */
  concurrency: number;
  signal: AbortSignal;
  onRow(row: Row): void;
}

export function keyOf({ set, path, bytes, mtimeMs }: ImageFile): ImageKey {
  return { set: set.name, path, bytes, mtime_ms: mtimeMs };
}

async function judge(image: ImageFile, { detect, look, headId }: Scoring): Promise<Row> {
  const own = classOf(image);
  const key = { ...keyOf(image), ...(own === null ? {} : { class: own }) };
  try {
    const bytes = await readImageFile(image.file).catch((cause) => {
      throw new ServiceError('invalid_request', `The file can't be read: ${(cause as Error).message}`, { cause });
    });
    const explained = own !== null && look !== undefined;
    const request = { bytes, headId, tenant: headId, topK: 0, ...(explained && { embedding: true }) };
    const { index, scores, decisions, embedding } = await detect(request);
    const refused = Object.values(decisions).includes('ood');
    // a hint in the report: an engine that ends meanwhile must not end the evaluation
    const words = explained && refused && embedding ? await look(embedding).catch(() => undefined) : undefined;
    return { ...key, index, scores, decisions, ...defined({ looks_like: words }) };
  } catch (error) {
    if (!(error instanceof ServiceError) || error instanceof EngineNotBack) throw error;
    return { ...key, error: { code: error.code, detail: error.message } };
  }
}

/**
 * Judges images in the order of the source, a bounded number at a time. An image is released once its row is handed over. An
 * image without a verdict gives a row with the reason. After the signal no further image starts; those in progress finish.
 * @throws errors of the source and of `onRow`, and EngineNotBack
 */
export async function scoreImages(images: AsyncGenerator<ImageFile>, scoring: Scoring): Promise<void> {
  let stop = false;
  const judgeNext = async () => {
    while (!stop && !scoring.signal.aborted) {
      const next = await images.next();
      if (next.done) return;
      try {
        scoring.onRow(await judge(next.value, scoring));
      } catch (error) {
        stop = true;
        throw error;
      }
    }
  };
  const loops = await Promise.allSettled(Array.from({ length: scoring.concurrency }, judgeNext));
  const failed = loops.find((l) => l.status === 'rejected');
  if (failed) throw failed.reason;
}
