import type { Picture } from './body.ts';

/** A picture that every reader opens in the same way. */
export function decoyOf(pictures: readonly Picture[]): Picture {
  const decoy = pictures.find(({ name }) => name === 'JPEG RGB 8x8');
  if (!decoy) throw new Error('there is no JPEG among the pictures');
  return decoy;
}
