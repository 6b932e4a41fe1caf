import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { looksLikeOf } from '../../src/tenants/negatives/looks-like.ts';
import { loadWordList, relations, repeats } from '../../src/words/index.ts';

describe('the words that an image looks like', () => {
  const words = ['umbrella', 'umbrella plant', 'tent', 'grand piano', 'piano', "cat's eye", 'cat', 'lamp', 'a', 'b'];
  const near = (...of: [number, number][]) => of.map(([index, probability]) => ({ index, probability }));
  const shown = (...of: [number, number][]) => looksLikeOf(near(...of), words).map(({ word }) => word);

  it('are at most five, and none has less than 0.005', () => {
    assert.deepEqual(shown([0, 0.3], [2, 0.005], [7, 0.00499], [8, 0.1]), ['umbrella', 'tent']);
    assert.deepEqual(shown([0, 0.3], [2, 0.2], [4, 0.1], [6, 0.1], [7, 0.1], [8, 0.1]).length, 5);
    assert.deepEqual(shown([0, 0.001]), []);
  });

  it('a word with all words of a nearer one is left out; a more general one stays', () => {
    assert.deepEqual(shown([0, 0.3], [1, 0.2], [2, 0.1]), ['umbrella', 'tent']);
    assert.deepEqual(shown([3, 0.3], [4, 0.2]), ['grand piano', 'piano']);
    assert.deepEqual(shown([6, 0.3], [5, 0.2]), ['cat']);
  });

  it('a phrase repeats another one if it has all its words, in any order and with a possessive', () => {
    for (const [a, b, is] of [
      ["dog's breakfast", 'dog', true],
      ["dogs' home", 'dogs', true],
      ['wire-haired fox terrier', 'fox-terrier', true],
      ['terrier', 'fox terrier', false],
      ['dogma', 'dog', false],
      ['dog', '', false],
      ['Épée', 'épée', true],
    ] as const)
      assert.equal(repeats(a, b), is, `${a} / ${b}`);
  });
});

describe('words that name a class', async () => {
  const list = await loadWordList();
  const { same } = relations(list);
  const names = (name: string) => new Set(same(name).map((i) => list.words[i]));

  it('are its synonyms and nouns that have all its words, not its superclasses and subclasses', () => {
    const dog = names('dog');
    assert.ok(['dog', 'guide dog', 'dog breeding', "dog's breakfast"].every((word) => dog.has(word)));
    assert.ok(!['canine', 'animal', 'poodle', 'cat', 'dogma'].some((word) => dog.has(word)));
    assert.ok(names('car').has('automobile') || names('automobile').has('car'), 'synonyms in WordNet');
    assert.ok(names('stop_sign').size < names('sign').size);
    assert.ok(!names('stop sign').has('sign'));
  });

  it('plurals and additions in brackets do not matter, and an unknown name has none', () => {
    assert.deepEqual(names('dogs').has('guide dog'), true);
    assert.deepEqual([...names('Dog (the animal), domestic')], [...names('dog')]);
    assert.deepEqual(same('zzyzx'), []);
    assert.deepEqual(same(''), []);
  });
});
