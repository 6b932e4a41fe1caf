/** images/decode, with the faults of images. */
import { createHash } from 'node:crypto';
import { faultAt } from './faults.mjs';

const real = await import(new URL(import.meta.url).searchParams.get('real'));

export const { configureDecoder } = real;

export async function decodeImage(bytes, ...rest) {
  await faultAt(createHash('sha256').update(bytes).digest('hex'));
  return real.decodeImage(bytes, ...rest);
}
