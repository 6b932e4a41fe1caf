import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createTokenizer } from '../../src/bundle/tokenizer.ts';
import { allSurelyFit, cutNames } from '../../src/bundle/truncation.ts';
import { BUNDLE, ROOT } from '../helpers/paths.ts';

const file = (name: string) => JSON.parse(readFileSync(join(ROOT, 'test/bundle/fixtures', name), 'utf8'));
const bert = (length: number) => createTokenizer(file('wordpiece-tokenizer.json'), length);

describe('names that the model reads in part only', () => {
  it('truncated names are those whose prompt exceeds the context in at least one template', () => {
    const part = fc.constantFrom('dog', 'café', '東京', 'zzzzz', ' ', '안녕', ',', '&amp;', 'quick');
    const text = fc.array(part, { minLength: 1, maxLength: 12 }).map((parts) => parts.join(''));
    const template = fc.tuple(text, text).map(([a, b]) => `${a}{}${b}`);
    const whole = bert(1_000_000);
    fc.assert(
      fc.property(fc.uniqueArray(text), fc.array(template, { minLength: 1, maxLength: 3 }), (names, templates) => {
        const tokenizer = bert(24);
        const longest = (name: string) =>
          Math.max(...templates.map((t) => whole.encode(t.split('{}').join(name)).length));
        assert.deepEqual(
          cutNames(tokenizer, names, templates),
          names.filter((name) => longest(name) > 24),
        );
      }),
    );
  });

  it('short names are never truncated, and the check does not tokenize them', () => {
    let looks = 0;
    const counting = { room: 62, count: () => looks++ };
    const names = Array.from({ length: 1000 }, (_, i) => `name ${i}`);
    assert.deepEqual(cutNames(counting, names, ['a photo of a {}.', '{}']), []);
    assert.equal(looks, 2, 'the two templates');
  });

  it('truncated names are estimated by sums of tokens when there are too many prompts to tokenize', () => {
    let looks = 0;
    const words = (text: string) => text.split(/\s+/).filter((w) => w !== '').length;
    const counting = {
      room: 20,
      count: (text: string) => {
        looks++;
        return words(text);
      },
    };
    const name = (i: number, length: number) => Array.from({ length }, () => `w${i}`).join(' ');
    const [fits, cut] = [19, 20];
    const names = Array.from({ length: 5000 }, (_, i) => name(i, i % 2 === 0 ? fits : cut));
    const found = cutNames(counting, names, ['a {}', 'the {}', '{} b']);
    assert.deepEqual(
      found,
      names.filter((n) => words(n) === 20),
    );
    assert.ok(looks <= 5000 + 2000 + 3);
  });

  it('names whose length alone shows that they fit are never truncated, with either kind of tokenizer', () => {
    const byBytes = createTokenizer(JSON.parse(readFileSync(join(BUNDLE, 'tokenizer.json'), 'utf8')), 32);
    const part = fc.constantFrom('dog', 'café', '東京', 'zzzzz', ' ', ',', '&amp;', 'quick', '!');
    const text = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(text), fc.array(text, { minLength: 1, maxLength: 2 }), (names, starts) => {
        const templates = starts.map((start) => `${start}{}`);
        fc.pre(allSurelyFit(names, templates, 32));
        for (const tokenizer of [byBytes, bert(32)]) assert.deepEqual(cutNames(tokenizer, names, templates), []);
      }),
    );
    assert.ok(allSurelyFit(['dog', 'school bus'], ['a {}'], 32));
    assert.ok(!allSurelyFit(['dog', 'b'.repeat(30)], ['a {}'], 32));
  });

  it('a short name is truncated in a template of few characters that are many tokens', () => {
    const byBytes = createTokenizer(JSON.parse(readFileSync(join(BUNDLE, 'tokenizer.json'), 'utf8')), 32);
    const template = `${'東京'.repeat(12)}{}`;
    assert.ok(byBytes.count(template) > byBytes.room, 'of 24 characters');
    assert.deepEqual(cutNames(byBytes, ['dog'], [template]), ['dog']);
  });
});
