import type { Part } from '../../clipn/index.ts';
import { ADJECTIVE_TEMPLATE, describeWordList, loadWordList } from '../../words/index.ts';

export { ADJECTIVE_TEMPLATE };

/** A word list as the front uses it: its words are read when a tenant needs them. */
export interface InstalledWordList {
  /** The same for the same words and links. */
  id: string;
  folder: URL;
  count: number;
  parts: Record<'nouns' | 'adjectives' | 'pool', Part>;
  /** All words by index: nouns, adjectives, and the conjugated pool. */
  words(): Promise<readonly string[]>;
}

/** @throws Error where the folder has no word list */
export async function openWordList(folder?: URL): Promise<InstalledWordList> {
  const about = await describeWordList(folder);
  let words: Promise<readonly string[]> | undefined;
  return {
    ...about,
    count: about.parts.pool.to,
    words: () => {
      // the links are not kept: only the mining needs them, in its own thread
      words ??= loadWordList(about.folder).then((list) => list.words);
      return words;
    },
  };
}
