import { toProblem } from '../errors/index.ts';
import type { JudgedImage } from '../serving/detect-images.ts';
import type { FailedImage } from './schemas/detect.ts';

export type WithVerdict = Extract<JudgedImage, { detection: unknown }>;

/**
 * The images of a request that a tenant learns from: those with a verdict, and the errors of the others.
 * @throws the error of an image that a later request may judge (5xx, 429)
 */
export function withAndWithoutVerdict(judged: readonly JudgedImage[]): {
  scored: WithVerdict[];
  failed: FailedImage[];
} {
  const scored: WithVerdict[] = [];
  const failed: FailedImage[] = [];
  for (const image of judged) {
    if ('detection' in image) scored.push(image);
    else if (image.error.status >= 500 || image.error.status === 429) throw image.error;
    else failed.push({ id: image.id, error: toProblem(image.error) });
  }
  return { scored, failed };
}
