import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { diffLines } from '../../src/cli/tenants/diff.ts';
import { DocumentError, readDocuments } from '../../src/cli/tenants/documents.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

async function folder(t: TestContext, files: Record<string, string>): Promise<string> {
  const dir = await temporaryDirectory(t);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
  return dir;
}

describe('tenants in files', () => {
  it("tenant files are YAML or JSON, one or several documents, in folders at any depth; the id is the field or the file's name", async (t) => {
    const dir = await folder(t, {
      'zoo.yaml': '# a comment\nclasses: [lion, "no", 7up, "7"]\n',
      'deep/er/shop.json': '{"classes": ["sofa", {"name": "tv", "aliases": ["television"]}], "method": "atd"}',
      'two.yml': 'tenant: a\nclasses: [x]\n---\ntenant: b\nclasses: [y]\n---\n',
      'notes.txt': 'classes: [not this]',
      '.hidden.yaml': 'classes: [nor this]',
      '.git/x.yaml': 'classes: [nor this]',
    });
    const read = await readDocuments([dir]);
    assert.deepEqual(Object.fromEntries(read.map((r) => [r.tenant, r.definition])), {
      zoo: { classes: ['lion', 'no', '7up', '7'] },
      shop: { classes: ['sofa', { name: 'tv', aliases: ['television'] }], method: 'atd' },
      a: { classes: ['x'] },
      b: { classes: ['y'] },
    });
    assert.deepEqual(
      (await readDocuments([join(dir, 'zoo.yaml')])).map((r) => r.tenant),
      ['zoo'],
    );
  });

  it('every fault of every tenant file is reported at once', async (t) => {
    const dir = await folder(t, {
      'broken.yaml': 'classes: [a, b\n',
      'list.yaml': '- a\n',
      'number.json': '{"classes": [7]}',
      'typo.yaml': 'classes: [a]\nmetod: atd\n',
      'Bad Name.yaml': 'classes: [a]\n',
      'one.yaml': 'tenant: same\nclasses: [a]\n',
      'other.yaml': 'tenant: same\nclasses: [b]\n',
      'empty.yaml': '',
    });
    await assert.rejects(readDocuments([dir]), (error: Error) => {
      assert.ok(error instanceof DocumentError);
      for (const part of [
        'broken.yaml',
        'list.yaml',
        'number.json',
        /typo.yaml.*metod/,
        /"Bad Name" is not a tenant id/,
        /same is in .*one.yaml already/,
      ])
        assert.match(error.message, new RegExp(part));
      assert.doesNotMatch(error.message, /empty/);
      return true;
    });
    await assert.rejects(readDocuments([join(dir, 'nowhere.yaml')]), DocumentError);
  });
});

describe('the difference', () => {
  const classes = (...names: string[]) => ({ classes: names });

  it('the difference of two definitions with the same meaning is empty', () => {
    assert.deepEqual(diffLines(classes('a', 'b'), { classes: [{ name: 'a' }, 'b'] }), []);
  });

  it('the difference names removed and added classes, duplicates and order included', () => {
    assert.deepEqual(diffLines(classes('a', 'b', 'b'), classes('b', 'c')), [
      '  classes: 2 removed, 1 added',
      '    - a',
      '    - b',
      '    + c',
    ]);
    assert.deepEqual(diffLines(classes('a', 'b'), classes('b', 'a')), ['  classes: the same in another order']);
    assert.deepEqual(
      diffLines({ ...classes('a'), method: 'atd' }, { ...classes('a'), limits: { images_per_second: 5 } }),
      ['  method: "atd" -> default', '  limits: default -> {"images_per_second":5}'],
    );
    assert.deepEqual(diffLines(classes('a'), { ...classes('a'), templates: ['x {}'] }), [
      '  templates: 0 removed, 1 added',
      '    + x {}',
    ]);
  });

  it('a long difference shows its first lines and counts the rest', () => {
    const many = Array.from({ length: 500 }, (_, i) => `class ${i}`);
    const lines = diffLines(classes('a'), classes(...many));
    assert.equal(lines.length, 22);
    assert.equal(lines.at(-1), '    ... and 481 more');
  });
});
