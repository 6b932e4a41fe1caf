import type { Verdict } from '../api/types.ts';
import { percent } from '../format.ts';

/** The words that a refused image looks like. Nothing for a verdict without them. */
export function LooksLike({ words }: { words: Verdict['looks_like'] }) {
  if (!words) return null;
  if (words.length === 0) return <p class="looks-like">It looks like no word of the word list in particular.</p>;
  return (
    <p class="looks-like">
      Of the words beside the classes it looks most like{' '}
      {words.map(({ word, probability }, i) => (
        <span key={word}>
          {i > 0 && ', '}
          <strong>{word}</strong> {percent(probability)}
        </span>
      ))}
      .
    </p>
  );
}
