import assert from 'node:assert/strict';
import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { classNames, readTemplates } from '../../src/evaluation/classes.ts';
import type { EvaluationErrorCode } from '../../src/evaluation/errors.ts';
import { LeftOutFiles } from '../../src/evaluation/left-out.ts';
import { classOf, countImages, imagesOf, openSets, setNames } from '../../src/evaluation/sets.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

async function files(t: TestContext, paths: string[]): Promise<string> {
  const dir = await temporaryDirectory(t);
  for (const path of paths) {
    await mkdir(join(dir, path, '..'), { recursive: true });
    if (path.endsWith('/')) await mkdir(join(dir, path), { recursive: true });
    else await writeFile(join(dir, path), path);
  }
  return dir;
}

const code =
  (wanted: EvaluationErrorCode, pattern = /./) =>
  (error: unknown) => {
    assert.equal((error as { code?: string }).code, wanted, String(error));
    assert.match((error as Error).message, pattern);
    return true;
  };

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const x of source) found.push(x);
  return found;
}

describe('folders', () => {
  it('an ID set has one folder per class in sorted order; an OOD set is one set, whatever its folders', async (t) => {
    const dir = await files(t, [
      'id/school_bus/1.jpg',
      'id/school_bus/more/2.PNG',
      'id/apple/3.webp',
      'id/apple/notes.txt',
      'id/apple/.hidden.jpg',
      'id/.cache/4.jpg',
      'id/stray.jpg',
      'id/empty/',
      'textures/5.jpg',
      'textures/dots/6.gif',
      'textures/stripes/7.tiff',
    ]);
    const sets = await openSets(join(dir, 'id'), [join(dir, 'textures')]);
    assert.deepEqual(sets[0].folders, ['apple', 'school_bus']);
    assert.deepEqual(
      sets.map((s) => s.name),
      ['id', 'textures'],
    );
    assert.deepEqual(await countImages(sets), [3, 3]);
    const images = await all(imagesOf(sets));
    assert.deepEqual(
      images.map((i) => [i.set.name, i.path, classOf(i)]),
      [
        ['id', 'apple/3.webp', 0],
        ['id', 'school_bus/1.jpg', 1],
        ['id', 'school_bus/more/2.PNG', 1],
        ['textures', '5.jpg', null],
        ['textures', 'dots/6.gif', null],
        ['textures', 'stripes/7.tiff', null],
      ],
    );
  });

  it('symbolic links to folders are followed, and cycles of links end', async (t) => {
    const dir = await files(t, ['store/a.jpg', 'id/cat/b.jpg', 'ood/c.jpg']);
    await symlink(join(dir, 'store'), join(dir, 'id/dog'));
    await symlink(join(dir, 'store/a.jpg'), join(dir, 'ood/linked.jpg'));
    await symlink(join(dir, 'ood'), join(dir, 'ood/circle'));
    await symlink(join(dir, 'nowhere'), join(dir, 'ood/dangling.jpg'));
    const sets = await openSets(join(dir, 'id'), [join(dir, 'ood')]);
    assert.deepEqual(
      (await all(imagesOf(sets))).map((i) => i.path),
      ['cat/b.jpg', 'dog/a.jpg', 'c.jpg', 'linked.jpg'],
    );
  });

  it('folders without images and those of an operating system are no classes, and are named', async (t) => {
    const dir = await files(t, [
      'id/cat/1.jpg',
      'id/cat/Thumbs.db',
      'id/cat/._1.jpg',
      'id/nothing/',
      'id/texts/readme.txt',
      'id/__MACOSX/cat/2.jpg',
      'id/lost+found/',
      'id/.ipynb_checkpoints/3.jpg',
      'id/beside.jpg',
      'ood/4.jpg',
      'ood/labels.csv',
    ]);
    const leftOut = new LeftOutFiles();
    const sets = await openSets(join(dir, 'id'), [join(dir, 'ood')], { leftOut });
    assert.deepEqual(sets[0].folders, ['cat']);
    await countImages(sets, leftOut);
    assert.deepEqual(leftOut.lines().sort(), [
      '1 .csv file (labels.csv)',
      '1 image beside the class folders (beside.jpg)',
      '2 folders without images, which are no classes (nothing, texts)',
      '2 hidden names (.ipynb_checkpoints, ._1.jpg)',
      '3 names of the operating system (__MACOSX, lost+found, Thumbs.db)',
    ]);
    const listed = await openSets(join(dir, 'id'), [join(dir, 'ood')], { empty: true });
    assert.deepEqual(listed[0].folders, ['cat', 'nothing', 'texts'], 'classes that the user lists');
  });

  it('an OOD folder inside another set is measured once, on its own', async (t) => {
    const dir = await files(t, ['photos/cat/1.jpg', 'photos/_scenes/2.jpg', 'ood/3.jpg', 'ood/digits/4.jpg']);
    const at = (path: string) => join(dir, path);
    const sets = await openSets(at('photos'), [at('photos/_scenes'), at('ood'), at('ood/digits')]);
    assert.deepEqual(sets[0].folders, ['cat']);
    assert.deepEqual(await countImages(sets), [1, 1, 1, 1]);
  });

  it('two OOD folders of the same name are named with their parent folders', () => {
    assert.deepEqual(setNames(['/data/a/val', '/data/b/val', '/other']), ['a/val', 'b/val', 'other']);
    assert.deepEqual(setNames(['/x/val', '/val']), ['x/val', 'val']);
    assert.deepEqual(setNames(['/']), ['/']);
  });

  it('each fault of the folders has an error code', async (t) => {
    const dir = await files(t, ['id/cat/1.jpg', 'flat/1.jpg', 'ood/2.jpg', 'none/text.txt', 'hollow/cat/']);
    const at = (path: string) => join(dir, path);
    await assert.rejects(openSets(at('missing'), [at('ood')]), code('set_unreadable', /missing/));
    await assert.rejects(openSets(at('id'), [at('ood/2.jpg')]), code('set_unreadable', /not a folder/));
    await assert.rejects(openSets(at('flat'), [at('ood')]), code('id_without_classes', /one per class/));
    await assert.rejects(openSets(at('id'), [at('ood'), at('ood')]), code('sets_overlap', /twice/));
    await assert.rejects(openSets(at('id'), [at('id')]), code('sets_overlap'));
    await assert.rejects(openSets(at('id'), [dir]), code('sets_overlap', /both/));
    await assert.rejects(countImages(await openSets(at('id'), [at('none')])), code('set_empty', /none/));
    await assert.rejects(openSets(at('hollow'), [at('ood')]), code('id_without_classes', /no sub-folders with images/));
    const listed = await openSets(at('hollow'), [at('ood')], { empty: true });
    await assert.rejects(countImages(listed), code('set_empty', /class folders/));
  });

  it('an image file that is written again has another identity', async (t) => {
    const dir = await files(t, ['id/cat/1.jpg', 'ood/2.jpg']);
    const read = async () => (await all(imagesOf(await openSets(join(dir, 'id'), [join(dir, 'ood')]))))[0];
    const before = await read();
    await utimes(join(dir, 'id/cat/1.jpg'), 1, 1);
    assert.notEqual((await read())?.mtimeMs, before?.mtimeMs);
  });
});

describe('class names', () => {
  const FOLDERS = ['apple', 'school_bus', 'zebra'];
  async function names(t: TestContext, text: string): Promise<string[]> {
    const file = join(await temporaryDirectory(t), 'classes.txt');
    await writeFile(file, text);
    return classNames(FOLDERS, file);
  }

  it("class names come from folders, from lines in the folders' order, or from pairs in any order", async (t) => {
    assert.deepEqual(await classNames(FOLDERS), ['apple', 'school bus', 'zebra']);
    assert.deepEqual(await names(t, 'Apfel\r\nSchulbus\r\nZebra\r\n\r\n'), ['Apfel', 'Schulbus', 'Zebra']);
    assert.deepEqual(await names(t, '\uFEFFzebra\tZebra\nschool_bus\tSchulbus\napple\tApfel, rot'), [
      'Apfel, rot',
      'Schulbus',
      'Zebra',
    ]);
    assert.deepEqual(await names(t, 'crane\ncrane\nzebra'), ['crane', 'crane', 'zebra'], 'duplicates are legal');
  });

  it('each fault of the class file has an error code and names the line', async (t) => {
    await assert.rejects(names(t, 'one\ntwo'), code('classes_count', /2 lines for 3 class folders/));
    await assert.rejects(names(t, 'one\ntwo\nthree\nfour'), code('classes_count'));
    await assert.rejects(names(t, ''), code('classes_count', /0 lines/));
    await assert.rejects(names(t, 'one\n\nthree'), code('classes_invalid', /empty/));
    await assert.rejects(names(t, 'apple\ta\nbanana\tb\nzebra\tc'), code('classes_unknown_folder', /line 2.*"banana"/));
    await assert.rejects(names(t, 'apple\ta\nzebra\tc'), code('classes_missing_folder', /"school_bus"/));
    await assert.rejects(names(t, 'apple\ta\napple\tb\nzebra\tc'), code('classes_repeated_folder', /line 2/));
    await assert.rejects(names(t, 'apple\ta\nschool_bus\nzebra\tc'), code('classes_invalid', /line 2/));
    await assert.rejects(names(t, 'apple\t\nschool_bus\tb\nzebra\tc'), code('classes_invalid', /empty/));
    await assert.rejects(classNames(FOLDERS, '/does/not/exist'), code('classes_unreadable'));
  });

  it('templates are read unchanged', async (t) => {
    const file = join(await temporaryDirectory(t), 'templates.txt');
    await writeFile(file, "'a bad photo of a {}.',\r\n  {} \n");
    assert.deepEqual(await readTemplates(file), ["'a bad photo of a {}.',", '  {} ']);
    await writeFile(file, 'a photo of a {}\nno braces\n');
    await assert.rejects(readTemplates(file), code('templates_invalid', /line 2/));
    await writeFile(file, '\n');
    await assert.rejects(readTemplates(file), code('templates_invalid', /empty/));
  });
});
