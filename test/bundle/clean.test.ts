import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type CleanTables, cleanerOf } from '../../src/bundle/clean.ts';
import { createTokenizer, loadTokenizer } from '../../src/bundle/tokenizer.ts';
import { PYTHON, ROOT, skip, temporaryDirectory } from '../helpers/paths.ts';
import { draw, strings } from '../helpers/strings.ts';

const fixture = JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures/clip-tokenizer.json'), 'utf8')) as {
  tokenizer: { clean: CleanTables };
  cases: { text: string; clean: string; ids: number[] }[];
};

/** Words that people write, in scripts whose UTF-8 has two, three and four bytes. */
const WORDS =
  'café,naïve,crème brûlée,Größe,smörgåsbord,São Paulo,piñata,árvíztűrő tükörfúrógép,źdźbło,Привет мир,собака,щука,Ελληνικά,άνθρωπος,שלום,مرحبا,หมา,कुत्ता,犬,日本語,강아지,🐕,🏳️‍🌈,“quoted”,it’s,—,…,€,™,½,à la mode,ÂÃ,naïve dog,a photo of a dog'.split(
    ',',
  );

/** Reads UTF-8 one byte at a time, as a program that takes it for `high` does. */
function garble(text: string, high: string): string {
  return Array.from(Buffer.from(text), (b) => (b < 0x80 ? String.fromCharCode(b) : (high[b - 0x80] as string))).join(
    '',
  );
}

/** Garbled, escaped, cut and mixed texts: everything that the clean-up has a rule for. */
function damaged(count: number, { encodings, entities, ligatures }: CleanTables): string[] {
  const next = draw(2024);
  const of = <T>(list: readonly T[]): T => list[next(list.length)] as T;
  const names = Object.keys(entities);
  const pieces: (() => string)[] = [
    () => of(WORDS),
    () => garble(of(WORDS), of(encodings).high),
    () => garble(of(WORDS), of(encodings).high),
    () => garble(garble(of(WORDS), of(encodings).high), of(encodings).high),
    () => garble(of(WORDS), of(encodings).high).replaceAll('\u00a0', ' '),
    () => garble(of(WORDS), of(encodings).high).replace(/[\u0080-\u009f]/g, '\ufffd'),
    () => garble(of(WORDS), of(encodings).high).slice(0, -1),
    () => `&${of(names)}`,
    () => `&${of(names).toUpperCase()}`,
    () => `&amp;${of(names)}`,
    () => `&${of(names).replace(';', '')}${of(['', 'x', ';', ' '])}`,
    () => `&#${next(300)};`,
    () =>
      `&#${of([String, (n: number) => `x${n.toString(16)}`, (n: number) => `X${n.toString(16)}`])(next(0x120000))}${of([';', ''])}`,
    () => `&amp;#x${(0x300 + next(0x40)).toString(16)};`,
    () => of(Object.keys(ligatures)),
    () => String.fromCharCode(0xff00 + next(0xf0)),
    () => String.fromCharCode(0x80 + next(0x80)),
    () => String.fromCharCode(0x2010 + next(0x20)),
    () => String.fromCharCode(next(0x20)),
    () =>
      of([
        '<',
        '\n',
        '\r\n',
        '\u001b[1;31m',
        '\ufeff',
        '\u00a0',
        '\u3000',
        ' ',
        '\ud83d',
        '\udc15',
        'ΟΔΟΣ',
        "'S",
        "'ſ",
      ]),
  ];
  return Array.from({ length: count }, () => {
    let text = '';
    for (let parts = 1 + next(6); parts > 0; parts--) text += of(pieces)() + of(['', ' ', ' ', 'a']);
    return text;
  });
}

describe("the clean-up of CLIP's reference", () => {
  it("the clean-up gives the texts and ids of the reference's fixture", () => {
    const clean = cleanerOf(fixture.tokenizer.clean);
    const tokenizer = createTokenizer(fixture.tokenizer, 1000);
    assert.ok(fixture.cases.length > 25);
    for (const { text, clean: expected, ids } of fixture.cases) {
      assert.equal(clean(text), expected, JSON.stringify(text));
      assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
    }
  });

  it('a cleaned text that is too long is truncated and keeps its end token', () => {
    const [start, ...rest] = createTokenizer(fixture.tokenizer, 1000).encode('a photo of a dog.');
    assert.deepEqual(createTokenizer(fixture.tokenizer, 4).encode('a photo of a dog.'), [
      start,
      ...rest.slice(0, 2),
      rest.at(-1),
    ]);
  });

  it('a marker inside a name is plain text, where the reference lets it end the prompt', () => {
    const tokenizer = createTokenizer(fixture.tokenizer, 1000);
    const [start, end] = tokenizer.encode('');
    const ids = tokenizer.encode('dog <end_of_text> <start_of_text>');
    assert.deepEqual(
      ids.filter((id) => id === start || id === end),
      [start, end],
    );
  });

  it('a bundle with an unknown clean-up rule is refused', () => {
    assert.throws(() => cleanerOf({ ...fixture.tokenizer.clean, rule: 'other' }), /other is not supported/);
    assert.throws(() => cleanerOf({ ...fixture.tokenizer.clean, encodings: [] }), /lack sloppy-windows-1252/);
  });

  it('a manifest and a tokenizer that disagree about the clean-up are refused', async (t) => {
    const dir = await temporaryDirectory(t);
    const bundle = (file: object, clean?: 'clip') =>
      writeFile(join(dir, 'tokenizer.json'), JSON.stringify(file)).then(
        () =>
          ({
            dir,
            files: { tokenizer: join(dir, 'tokenizer.json') },
            manifest: { text: { context_length: 77, clean } },
          }) as never,
      );
    const { clean: _, ...without } = fixture.tokenizer;
    assert.equal((await loadTokenizer(await bundle(fixture.tokenizer, 'clip'))).encode('dog').length, 3);
    await assert.rejects(
      loadTokenizer(await bundle(fixture.tokenizer)),
      /its clean-up is clip, the manifest says null/,
    );
    await assert.rejects(loadTokenizer(await bundle(without, 'clip')), /its clean-up is null, the manifest says clip/);
  });

  it('identical ids to open_clip on 30,000 strings: mixed scripts, control characters, mojibake, entities', {
    skip: skip.python,
  }, async (t) => {
    const texts = [...strings(10_000), ...damaged(20_000, fixture.tokenizer.clean)];
    const file = join(await temporaryDirectory(t), 'tokenizer.json');
    const python = spawnSync(PYTHON as string, [join(ROOT, 'test/bundle/clip_reference.py'), file], {
      input: JSON.stringify(texts),
      encoding: 'utf8',
      maxBuffer: 1e9,
      env: { ...process.env, PYTHONPATH: join(ROOT, 'models') },
    });
    assert.equal(python.status, 0, python.stderr);
    const expected = JSON.parse(python.stdout) as {
      clean: string[];
      ids: number[][];
      assigned: boolean[];
    };
    const tokenizer = createTokenizer(JSON.parse(await readFile(file, 'utf8')), 1_000_000);
    const clean = cleanerOf(fixture.tokenizer.clean);
    const results = texts.map((text, i) => ({
      text,
      ours: clean(text),
      theirs: expected.clean[i],
      same: tokenizer.encode(text).join() === expected.ids[i]?.join(),
      assigned: expected.assigned[i],
    }));
    const [known, fresh] = [results.filter((r) => r.assigned), results.filter((r) => !r.assigned)];
    const wrong = known.filter((r) => !r.same);
    t.diagnostic(
      `${known.length - wrong.length} of ${known.length} texts have identical ids; of ${fresh.length} more with ` +
        `code points that Python's edition of Unicode does not have, ${fresh.filter((r) => r.same).length}`,
    );
    assert.ok(known.length > 20_000);
    assert.deepEqual(wrong.slice(0, 5), []);
  });
});
