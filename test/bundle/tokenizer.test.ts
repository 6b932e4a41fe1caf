import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readGolden } from '../../src/bundle/golden.ts';
import { loadBundle } from '../../src/bundle/load.ts';
import { createTokenizer, loadTokenizer } from '../../src/bundle/tokenizer.ts';
import { BUNDLE, PYTHON, ROOT, skip } from '../helpers/paths.ts';

/** Where strings are drawn from: scripts, white space of all kinds, control characters, combining marks, emoji, words. */
const POOLS: (readonly [number, number])[] = [
  [0x00, 0x1f],
  [0x20, 0x7e],
  [0x20, 0x7e],
  [0x7f, 0xff],
  [0x100, 0x24f],
  [0x300, 0x36f],
  [0x370, 0x3ff],
  [0x400, 0x4ff],
  [0x590, 0x5ff],
  [0x600, 0x6ff],
  [0x900, 0x97f],
  [0xe00, 0xe7f],
  [0x1100, 0x11ff],
  [0x1e00, 0x1fff],
  [0x2000, 0x206f],
  [0x3040, 0x30ff],
  [0x4e00, 0x4fff],
  [0xac00, 0xadff],
  [0xf900, 0xfaff],
  [0xfe00, 0xffef],
  [0x1f300, 0x1f6ff],
  [0x20000, 0x200ff],
  [0xe0000, 0xe007f],
];
const WORDS = [
  "it's",
  'DOGS',
  "they'll",
  'a photo of a',
  '  ',
  'İstanbul',
  'ΟΔΟΣ',
  'ﬁne',
  '10,000',
  '½',
  "''quoted''",
  '<|endoftext|x',
  'straße',
  '\r\n',
  '\u0085',
  '\ufeff',
  '…',
];

/** The same strings on every machine. */
function strings(count: number): string[] {
  let state = 12345;
  const next = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  return Array.from({ length: count }, () => {
    let text = '';
    for (let parts = 1 + next(6); parts > 0; parts--) {
      if (next(4) === 0) text += WORDS[next(WORDS.length)];
      const [from, to] = POOLS[next(POOLS.length)] as readonly [number, number];
      for (let k = next(8); k > 0; k--) text += String.fromCodePoint(from + next(to - from + 1));
      if (next(3) === 0) text += ' ';
    }
    return text;
  });
}

const file = () => JSON.parse(readFileSync(join(BUNDLE, 'tokenizer.json'), 'utf8'));

describe('tokenizer', () => {
  it('gives the ids that the golden file holds', async () => {
    const bundle = await loadBundle(BUNDLE);
    const [tokenizer, golden] = [await loadTokenizer(bundle), await readGolden(bundle)];
    assert.deepEqual(
      golden.text.texts.map((text) => tokenizer.encode(text)),
      golden.text.tokens,
    );
  });

  it('identical ids to the Python side on 10,000 strings, mixed scripts and control characters included', {
    skip: skip.python,
  }, () => {
    const texts = strings(10_000);
    assert.ok(
      texts.some((s) => s.includes('\0')) &&
        texts.some((s) => /\p{Script=Han}/u.test(s)) &&
        texts.some((s) => /\p{Emoji_Presentation}/u.test(s)),
    );
    const python = spawnSync(
      PYTHON as string,
      [join(ROOT, 'test/bundle/tokenizer_reference.py'), join(BUNDLE, 'tokenizer.json')],
      {
        input: JSON.stringify(texts),
        encoding: 'utf8',
        maxBuffer: 1e9,
      },
    );
    assert.equal(python.status, 0, python.stderr);
    const expected = JSON.parse(python.stdout) as number[][];
    const tokenizer = createTokenizer(file(), 1_000_000);
    const wrong = texts.filter((text, i) => tokenizer.encode(text).join() !== expected[i]?.join());
    assert.deepEqual(wrong.slice(0, 5), []);
  });

  it('what is too long is cut and keeps its end token', () => {
    const [short, long] = [createTokenizer(file(), 8), createTokenizer(file(), 1000)];
    const text = 'dog '.repeat(50);
    const whole = long.encode(text);
    assert.equal(whole.length, 52);
    assert.deepEqual(short.encode(text), [...whole.slice(0, 7), whole.at(-1)]);
  });

  it('a marker inside a name is plain text: no name can end its own prompt', () => {
    const tokenizer = createTokenizer(file(), 1000);
    const end = tokenizer.encode('dog').at(-1) as number;
    const start = tokenizer.encode('dog')[0] as number;
    const ids = tokenizer.encode('dog <|endoftext|> cat <|startoftext|>');
    assert.equal(ids.filter((id) => id === end).length, 1);
    assert.equal(ids.filter((id) => id === start).length, 1);
  });

  it('the empty text has its markers', () => {
    assert.equal(createTokenizer(file(), 1000).encode('').length, 2);
  });
});
