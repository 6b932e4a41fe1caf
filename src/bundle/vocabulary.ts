import type { Manifest } from './manifest.ts';

const sets = new WeakMap<Manifest, Set<string>>();

/**
 * Words of a class name that the bundle's text towers never saw in training. A verdict about them is unreliable.
 * Words are runs of letters, marks and digits, compared in NFC and lower case. Empty if the bundle's vocabulary is not limited.
 */
export function unknownWords(manifest: Manifest, name: string): string[] {
  const { vocabulary } = manifest.text;
  if (vocabulary === null) return [];
  let known = sets.get(manifest);
  if (!known) {
    known = new Set(vocabulary);
    sets.set(manifest, known);
  }
  const words = name
    .normalize('NFC')
    .toLowerCase()
    .match(/[\p{L}\p{M}\p{N}]+/gu) ?? [name];
  return [...new Set(words)].filter((w) => !known.has(w));
}
