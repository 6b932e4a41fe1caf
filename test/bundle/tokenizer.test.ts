import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readGolden } from '../../src/bundle/golden.ts';
import { loadBundle } from '../../src/bundle/load.ts';
import { createTokenizer, loadTokenizer } from '../../src/bundle/tokenizer.ts';
import { PYTHON, ROOT, skip, TRAINED_BUNDLE } from '../helpers/paths.ts';
import { strings } from '../helpers/strings.ts';

const file = () => JSON.parse(readFileSync(join(TRAINED_BUNDLE, 'tokenizer.json'), 'utf8'));

describe('tokenizer', () => {
  it('the tokenizer gives the ids of the golden file', async () => {
    const bundle = await loadBundle(TRAINED_BUNDLE);
    const [tokenizer, golden] = [await loadTokenizer(bundle), await readGolden(bundle)];
    assert.deepEqual(
      golden.text.texts.map((text) => tokenizer.encode(text)),
      golden.text.tokens,
    );
  });

  it('the tokenizer gives the ids of the Python side on 10,000 strings, mixed scripts and control characters included', {
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
      [join(ROOT, 'test/bundle/tokenizer_reference.py'), join(TRAINED_BUNDLE, 'tokenizer.json')],
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

  it('the tokenizer truncates a long text and keeps its end token', () => {
    const [short, long] = [createTokenizer(file(), 8), createTokenizer(file(), 1000)];
    const text = 'dog '.repeat(50);
    const whole = long.encode(text);
    assert.equal(whole.length, 52);
    assert.deepEqual(short.encode(text), [...whole.slice(0, 7), whole.at(-1)]);
  });

  it('a marker inside a name is plain text, so no name can end its own prompt', () => {
    const tokenizer = createTokenizer(file(), 1000);
    const end = tokenizer.encode('dog').at(-1) as number;
    const start = tokenizer.encode('dog')[0] as number;
    const ids = tokenizer.encode('dog <|endoftext|> cat <|startoftext|>');
    assert.equal(ids.filter((id) => id === end).length, 1);
    assert.equal(ids.filter((id) => id === start).length, 1);
  });

  it('the tokenizer gives its markers for the empty text', () => {
    assert.equal(createTokenizer(file(), 1000).encode('').length, 2);
  });
});
