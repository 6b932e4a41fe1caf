import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { DEFAULT_WORDS, loadWordList, relations } from '../../src/words/index.ts';
import { ROOT, temporaryDirectory } from '../helpers/paths.ts';

const list = await loadWordList();
const { related, known } = relations(list);
const words = (name: string) => new Set(related(name).map((i) => list.words[i]));

describe('the word list', () => {
  it('the list is small, has unique nouns in lower case, and as many texts in the pool as adjectives', async () => {
    const { nouns, adjectives, pool } = list.parts;
    assert.ok((await readFile(new URL('words.txt.gz', DEFAULT_WORDS))).length < 1.5e6);
    assert.ok(nouns.to >= 20_000 && nouns.to <= 40_000, `${nouns.to} nouns`);
    assert.equal(pool.to - pool.from, adjectives.to - adjectives.from);
    assert.equal(list.words.length, pool.to);
    const own = list.words.slice(0, nouns.to);
    assert.equal(new Set(own).size, own.length);
    assert.ok(own.every((word) => word === word.toLowerCase()));
  });

  it('proper nouns, names of persons and single letters are not among the nouns; common things are', () => {
    const own = new Set(list.words.slice(0, list.parts.nouns.to));
    for (const word of ['einstein', 'paris', 'mozart', 'a', 'bricklayer']) assert.ok(!own.has(word), word);
    for (const word of ['dog', 'bicycle', 'pizza', 'tree', 'keyboard']) assert.ok(own.has(word), word);
  });

  it("the pool joins each adjective with one of CSP's 14 superclasses, neighbours with different ones", () => {
    assert.equal(list.about.superclasses.length, 14);
    const { adjectives, pool } = list.parts;
    for (const i of [0, 1, 13, 14]) {
      const adjective = list.words[adjectives.from + i];
      assert.equal(list.words[pool.from + i], `${adjective} ${list.about.superclasses[i % 14]}`);
    }
  });

  it('a list with one changed byte, a description without a field, and links out of the list are refused', async (t) => {
    const folder = await temporaryDirectory(t);
    await cp(DEFAULT_WORDS, folder, { recursive: true });
    const url = pathToFileURL(`${folder}/`);
    const about = JSON.parse(await readFile(join(folder, 'words.json'), 'utf8'));
    await writeFile(join(folder, 'words.txt.gz'), gzipSync('dog\t0\n'));
    await assert.rejects(loadWordList(url), /not the file that words.json describes/);
    await writeFile(join(folder, 'words.json'), JSON.stringify({ ...about, sha256: about.sha256.slice(1) }));
    await assert.rejects(loadWordList(url), /does not describe a word list/);
    // a digest that fits, so that the format is what is judged
    const describe = async (text: string, more: object) => {
      await writeFile(join(folder, 'words.txt.gz'), gzipSync(text));
      const sha256 = createHash('sha256').update(text).digest('hex');
      await writeFile(join(folder, 'words.json'), JSON.stringify({ ...about, sha256, ...more }));
    };
    await describe('dog\t\n', { nouns: 1, synsets: 1, adjectives: 1 });
    await assert.rejects(loadWordList(url), /has 1 lines/);
    await describe('dog\t1\nred\n', { nouns: 1, synsets: 1, adjectives: 1 });
    await assert.rejects(loadWordList(url), /a link to a synset that is not in it/);
    await describe('dog\t\nred\n', { nouns: 1, synsets: 1, adjectives: 1 });
    assert.deepEqual((await loadWordList(url)).words, ['dog', 'red', `red ${about.superclasses[0]}`]);
  });
});

describe('words that are related to a class name', () => {
  it('they are its synonyms, superclasses and subclasses, and no siblings', () => {
    const dog = words('dog');
    for (const word of ['dog', 'animal', 'terrier', 'beagle', 'puppy', 'organism']) assert.ok(dog.has(word), word);
    for (const word of ['cat', 'car', 'pizza', 'wolf']) assert.ok(!dog.has(word), word);
    assert.ok(words('beagle').has('dog'));
    assert.ok(!words('beagle').has('terrier'));
  });

  it('a name that WordNet does not know is looked up by its last words, a plural by its singular', () => {
    assert.equal(known('Audi S5 Convertible 2012'), 'convertible');
    assert.equal(known('Golden Delicious apple'), 'apple');
    assert.equal(known('Garfield, the cartoon cat'), undefined);
    assert.equal(known('wire-haired_fox terrier'), 'wire-haired fox terrier');
    assert.equal(known('DOGS'), 'dog');
    assert.equal(known('strawberries'), 'strawberry');
    assert.deepEqual(related('qzxv'), []);
    assert.deepEqual(related(''), []);
    assert.deepEqual(related('dogs'), related('dog'));
  });

  it('every sense of a name counts, and each index is a word of the list', () => {
    const crane = words('crane');
    assert.ok(crane.has('bird') && crane.has('device'));
    for (const name of ['dog', 'crane', 'red', 'hot dog'])
      for (const i of related(name)) assert.ok(i >= 0 && i < list.parts.adjectives.to);
    assert.ok(words('red').has('red'));
  });

  it('agrees with the Python reading on the golden names', async () => {
    const golden = JSON.parse(await readFile(join(ROOT, 'test/fixtures/related.json'), 'utf8')) as {
      id: string;
      related: Record<string, number[]>;
    };
    assert.equal(golden.id, list.id);
    for (const [name, indices] of Object.entries(golden.related)) assert.deepEqual(related(name), indices, name);
  });
});
