import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bertNormalizer, bertWords, wordPieces } from '../../src/bundle/bert.ts';
import { createTokenizer } from '../../src/bundle/tokenizer.ts';
import { PYTHON, ROOT, skip } from '../helpers/paths.ts';
import { strings } from '../helpers/strings.ts';

const FILE = join(ROOT, 'test/bundle/fixtures/wordpiece-tokenizer.json');
const read = (name: string) => JSON.parse(readFileSync(join(ROOT, 'test/bundle/fixtures', name), 'utf8'));
const file = () => read('wordpiece-tokenizer.json');
const [CLS, SEP, UNK] = [2, 3, 1];
const LONG = 1_000_000;
/** Code points in one text. */
const CHUNK = 256;

describe('a BERT-type tokenizer', () => {
  it('a BERT tokenizer gives the ids of the Python package for accents, CJK, emoji, control characters, NFC, NFD and long words', () => {
    const tokenizer = createTokenizer(file(), LONG);
    const cases = read('wordpiece-ids.json') as [string, number[]][];
    // markers in a text are special to the package when it reads the added tokens; the fixture was made without them
    assert.deepEqual(
      cases.filter(([text, ids]) => tokenizer.encode(text).join() !== ids.join()),
      [],
    );
  });

  it('a BERT tokenizer agrees with the Python package on every code point and on 10,000 strings', {
    skip: skip.python,
  }, () => {
    const texts = strings(10_000);
    const python = spawnSync(PYTHON as string, [join(ROOT, 'test/bundle/bert_reference.py'), FILE], {
      input: JSON.stringify(texts),
      encoding: 'utf8',
      maxBuffer: 1e9,
      env: { ...process.env, PYTHONPATH: join(ROOT, 'models') },
    });
    assert.equal(python.status, 0, python.stderr);
    const expected = JSON.parse(python.stdout) as { ids: number[][]; words: [number, string[]][] };
    const tokenizer = createTokenizer(file(), LONG);
    const wrong = texts.filter((text, i) => tokenizer.encode(text).join() !== expected.ids[i]?.join());
    assert.deepEqual(wrong.slice(0, 5), []);

    const normalize = bertNormalizer({});
    const words = new Map(expected.words);
    const points = Array.from({ length: 0x110000 }, (_, code) => code)
      .filter((code) => code < 0xd800 || code > 0xdfff)
      .map((code) => ({ code, text: `a${String.fromCodePoint(code)}b` }));
    const differing: string[] = [];
    for (let first = 0; first < points.length; first += CHUNK) {
      const chunk = points.slice(first, first + CHUNK);
      // as the reference reads them: together where each is one word, else each by itself
      const together = bertWords(normalize(chunk.map(({ text }) => text).join(' ')));
      const each =
        together.length === chunk.length ? together : chunk.map(({ text }) => bertWords(normalize(text)).join(' '));
      for (const [i, { code, text }] of chunk.entries())
        if (each[i] !== (words.get(code)?.join(' ') ?? text)) differing.push(code.toString(16));
    }
    assert.deepEqual(differing, []);
  });

  it('a BERT tokenizer puts [CLS] before and [SEP] after any text, and never inside it', () => {
    const tokenizer = createTokenizer(file(), LONG);
    const text = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('[SEP]', '[CLS]', '[PAD]', ' ')));
    fc.assert(
      fc.property(text, (parts) => {
        const ids = tokenizer.encode(parts.join(''));
        assert.equal(ids[0], CLS);
        assert.equal(ids.at(-1), SEP);
        assert.ok(ids.slice(1, -1).every((id) => id !== CLS && id !== SEP && id !== 0));
      }),
    );
  });

  it('a BERT tokenizer truncates a long text and keeps its end token', () => {
    const text = fc.array(fc.constantFrom('dog', 'café', '東京', 'x', ' ', 'retrievers', ','), { maxLength: 20 });
    const whole = createTokenizer(file(), LONG);
    fc.assert(
      fc.property(text, fc.integer({ min: 3, max: 24 }), (parts, length) => {
        const tokenizer = createTokenizer(file(), length);
        const [ids, all] = [tokenizer.encode(parts.join('')), whole.encode(parts.join(''))];
        assert.equal(tokenizer.count(parts.join('')) > tokenizer.room, all.length > length);
        assert.deepEqual(ids, all.length > length ? [...all.slice(0, length - 1), SEP] : all);
      }),
    );
  });

  it('a BERT tokenizer keeps accents and case if the file asks for it', () => {
    assert.equal(bertNormalizer({ strip_accents: false, lowercase: true })('É'), 'é');
    assert.equal(bertNormalizer({ strip_accents: true, lowercase: false })('É'), 'E');
    assert.equal(bertNormalizer({ strip_accents: null, lowercase: false })('É'), 'É');
    assert.equal(bertNormalizer({ handle_chinese_chars: false })('東京'), '東京');
    assert.equal(bertNormalizer({ clean_text: false, strip_accents: false })('a\u0000B'), 'a\u0000b');
  });

  it('a BERT tokenizer spells a word in the longest pieces, and replaces one of more than 100 characters by the unknown token', () => {
    const pieces = wordPieces({
      vocab: { '[UNK]': 1, un: 5, '##able': 6, '##a': 7, '##b': 8, '🐕': 9, '##🐕': 10, '##': 11 },
    });
    assert.deepEqual(pieces('unable'), [5, 6]);
    assert.deepEqual(pieces('unab'), [5, 7, 8]);
    assert.deepEqual(pieces('unabx'), [UNK]);
    assert.equal(pieces('🐕'.repeat(100)).length, 100);
    assert.deepEqual(pieces('🐕'.repeat(101)), [UNK]);
  });

  it('a BERT tokenizer with another pre-tokenizer, or without its unknown token, is refused', () => {
    assert.throws(() => createTokenizer({ ...file(), pre_tokenizer: { type: 'Whitespace' } }, 64), /Whitespace/);
    assert.throws(() => wordPieces({ vocab: { a: 0 } }), /unknown token/);
  });
});
