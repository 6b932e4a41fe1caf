import type { NearWord } from '../../clipn/index.ts';
import { repeats } from '../../words/index.ts';

/** A word that an image looks like, and its probability in a softmax over the tenant's classes and all nouns of the word list. */
export interface LooksLike {
  word: string;
  probability: number;
}

/** Largest number of words for one image. */
const MOST = 5;
/**
 * Words with less than this are not shown: among forty thousand nouns the nearest one of a picture without a plain subject has less, and
 * on photographs it is then mostly a word that shares a theme or letters with it.
 */
const FEWEST = 0.005;

/**
 * The words to show, nearest first. A word that has all words of a nearer one is left out ("umbrella plant" after "umbrella"): lists
 * without this rule repeat one word five times. A more general word after a special one stays ("piano" after "grand piano").
 * @param near nearest first; more than are shown
 * @param words of the list, by index
 */
export function looksLikeOf(near: readonly NearWord[], words: readonly string[]): LooksLike[] {
  const shown: LooksLike[] = [];
  for (const { index, probability } of near) {
    if (shown.length === MOST || probability < FEWEST) break;
    const word = words[index] as string;
    if (!shown.some((nearer) => repeats(word, nearer.word))) shown.push({ word, probability });
  }
  return shown;
}
