import { sendExamples } from '../learn/send.ts';
import { keptImage } from './captures.ts';
import type { CapturedImage } from './types.ts';

/** Adds images as examples of the classes that they are labelled with. @returns the number of images */
export async function addExamples(tenant: string, images: readonly CapturedImage[]): Promise<number> {
  const labelled = images.filter(({ label }) => label?.kind === 'class');
  for (const name of new Set(labelled.map(({ label }) => label?.label as string))) {
    const own = labelled.filter(({ label }) => label?.label === name);
    await sendExamples(
      tenant,
      name,
      own.map((image) => keptImage(tenant, image)),
      { add: true },
    );
  }
  return labelled.length;
}
