import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type TextModel, warningsOf } from '../../src/tenants/warnings.ts';

const LEARNED = new Set(['dog', 'cat', 'cherry', 'box', 'ape']);
const model: TextModel = {
  templates: { yes: ['{}'], no: null },
  unknownWords: (text) => text.split(' ').filter((word) => word !== '' && !LEARNED.has(word.toLowerCase())),
  cutNames: () => [],
};
const duplicates = (classes: Parameters<typeof warningsOf>[0]['classes']) =>
  warningsOf({ classes }, model).filter(({ code }) => code === 'duplicate_class');

describe('warnings about a definition', () => {
  it('names that differ in case, blanks or Unicode form only are duplicates', () => {
    for (const twin of ['Dog', 'dog ', ' DOG'])
      assert.deepEqual(
        duplicates(['dog', 'cat', twin]).map(({ index }) => index),
        [2],
        twin,
      );
    assert.match(duplicates(['Dog', 'dog'])[0]?.message ?? '', /class "dog" means the same as the class "Dog"/);
    assert.equal(duplicates(['caf\u00e9', 'cafe\u0301']).length, 1);
    assert.equal(duplicates(['sports  car', 'sports car']).length, 1);
    assert.deepEqual(duplicates(['dog', 'cat', { name: 'cherry', aliases: ['Cherry'] }]), []);
  });

  it('an alias that equals another class or its alias is a duplicate', () => {
    const [first, ...others] = duplicates(['dog', { name: 'cat', aliases: ['Dog'] }]);
    assert.match(first?.message ?? '', /alias "Dog" of the class "cat" means the same as the class "dog"/);
    assert.deepEqual(others, []);
    assert.equal(duplicates([{ name: 'cat', aliases: ['ape'] }, 'ape']).length, 1);
  });

  it('an unknown plural names the form that the model has learned', () => {
    const message = (name: string) => warningsOf({ classes: [name, 'dog'] }, model)[0]?.message ?? '';
    assert.match(message('cherries'), /It has learned "cherry"\.$/);
    assert.match(message('boxes'), /It has learned "box"\.$/);
    assert.match(message('apes'), /It has learned "ape"\.$/);
    assert.match(message('flurbish'), /than a guess\.$/);
  });

  it('an unknown singular names the plural, and a misspelt word those that it may stand for', () => {
    const learned = new Set(['scissors', 'zebra', 'horse', 'house', 'leaves']);
    const unknownWords = (text: string) => text.split(' ').filter((word) => !learned.has(word));
    const message = (name: string) =>
      warningsOf({ classes: [name, 'zebra'] }, { ...model, unknownWords })[0]?.message ?? '';
    assert.match(message('scissor'), /It has learned "scissors"\.$/);
    assert.match(message('leaf'), /It has learned "leaves"\.$/);
    for (const wrong of ['zebrra', 'zbera', 'zebr', 'zabra'])
      assert.match(message(wrong), /It has learned "zebra"\.$/, wrong);
    assert.match(message('hose'), /It has learned "horse", "house"\.$/);
    assert.match(message('zzz'), /than a guess\.$/);
    assert.match(message('x'.repeat(200)), /than a guess\.$/);
  });

  it('one class gets the note that atd never rejects', () => {
    assert.deepEqual(
      warningsOf({ classes: ['dog'] }, model).map(({ code }) => code),
      ['single_class'],
    );
  });
});
