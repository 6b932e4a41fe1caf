import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import * as clipn from '../../src/clipn/index.ts';
import type { Verdict } from '../../src/console/api/types.ts';
import { markUnknown, parseClasses, toText } from '../../src/console/class-text.ts';
import { percent } from '../../src/console/format.ts';
import { curlCommand, quote } from '../../src/console/playground/curl.ts';
import { comparison, METHODS, methodsOf, reason } from '../../src/console/playground/explain.ts';

describe('class names as text', () => {
  const entries = (text: string, options = {}) => parseClasses(text, options).map((p) => p.entry);

  it('class names as text are parsed back unchanged, aliases, bars and backslashes included', () => {
    const classes = ['dog', { name: 'sofa', aliases: ['couch', 'settee'] }, 'a|b', 'back\\slash', '100 % wool', 'dog'];
    assert.deepEqual(entries(toText(classes)), classes);
  });

  it('empty lines of class names are ignored, and the line of every class is known', () => {
    assert.deepEqual(parseClasses('\n dog \n\n | cat'), [
      { line: 1, entry: 'dog' },
      { line: 3, entry: 'cat' },
    ]);
  });

  it('commas separate class names only where that is asked for', () => {
    assert.deepEqual(entries('dog, red car,\ncat', { commas: true }), ['dog', 'red car', 'cat']);
    assert.deepEqual(entries('Washington, D.C.'), ['Washington, D.C.']);
  });

  it('unknown words are marked whatever their case, and nothing inside other words', () => {
    const pieces = markUnknown('a Wug\nwugs cafe\u0301', new Set(['wug', 'caf\u00e9']));
    assert.deepEqual(
      pieces.filter((p) => p.unknown).map((p) => p.text),
      ['Wug', 'cafe\u0301'],
    );
    assert.equal(pieces.map((p) => p.text).join(''), 'a Wug\nwugs cafe\u0301');
  });
});

describe('copy as curl', () => {
  const options = { base: 'http://127.0.0.1:8080/', file: 'a.jpg', tenant: 'demo', method: undefined, key: false };

  it('the curl command is one line for a tenant and carries no key', () => {
    const command = curlCommand({ ...options, classes: undefined, key: true });
    const rest = `-H "x-api-key: $CLIPN_KEY" -F file=@a.jpg 'http://127.0.0.1:8080/v1/detect?tenant=demo'`;
    assert.equal(command, `curl ${rest}`);
  });

  it('a shell reads the curl command as meant, however names are spelt', () => {
    const classes = [`dog's "tail"`, '$HOME `id`', 'a\\b'];
    const command = curlCommand({ ...options, file: `it's; 1,2.jpg`, classes });
    const shell = `curl() { printf '%s\\n' "$@"; }\n${command}`;
    const { stdout } = spawnSync('sh', ['-c', shell], { encoding: 'utf8' });
    const lines = stdout.split('\n');
    assert.ok(lines.includes(JSON.stringify({ classes })), stdout);
    assert.ok(lines.includes(`file=@"it's; 1,2.jpg"`), stdout);
  });

  it('the curl command quotes only arguments that need it', () => {
    assert.equal(quote('file=@a.jpg'), 'file=@a.jpg');
    assert.equal(quote(`it's`), `'it'\\''s'`);
  });
});

it('the rules of the console are those of the service', () => {
  assert.deepEqual(METHODS, clipn.METHODS);
  assert.deepEqual(methodsOf({ pool: true }), [...clipn.METHODS, ...clipn.NEGATIVE_METHODS]);
});

describe('the reason of a refusal', () => {
  const verdict = {
    prediction: { class: 'bicycle', index: 0, probability: 0.99 },
    no_probability: 0.91,
    ood_probability: 0.905,
    decisions: { ctw: 'ood', atd: 'id', atd_rescaled: 'ood' },
    top: [
      { class: 'bicycle', index: 0, probability: 0.99, no_probability: 0.91 },
      { class: 'dog', index: 1, probability: 0.01, no_probability: 0.5 },
    ],
  } as unknown as Verdict;

  it('the explanation of every rule compares two numbers, and the first is greater exactly when the rule rejects', () => {
    const cases = { ctw: 'ctw', atd: 'atd', 'atd-rescaled': 'atd_rescaled' } as const;
    for (const [method, key] of Object.entries(cases) as [keyof typeof cases, 'ctw'][]) {
      const { against, limit } = comparison(verdict, method);
      assert.equal(against.value > limit.value, verdict.decisions[key] === 'ood', method);
    }
  });

  it('the explanation says the comparison in words', () => {
    assert.match(reason(verdict, 'ctw'), /bicycle.*99.*but its “no” is 91.*more than half/);
    assert.match(reason(verdict, 'atd'), /“none of these” is smaller/);
  });

  it('the explanation never rounds a probability to 0 or 100 %', () => {
    assert.equal(percent(0.9996), '>\u00a099.9\u00a0%');
    assert.equal(percent(1), '100\u00a0%');
    assert.equal(percent(0.0004), '<\u00a00.1\u00a0%');
    assert.equal(percent(0), '0\u00a0%');
    assert.equal(percent(0.996), '99.6\u00a0%');
  });
});
