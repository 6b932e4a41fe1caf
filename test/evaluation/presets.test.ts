import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { EvaluationErrorCode } from '../../src/evaluation/errors.ts';
import { readImageList } from '../../src/evaluation/image-list.ts';
import { LeftOutFiles } from '../../src/evaluation/left-out.ts';
import { missingSets, PRESET_NAMES, PRESETS, preparePreset } from '../../src/evaluation/presets/index.ts';
import { publishedOther, publishedPairs } from '../../src/evaluation/presets/published.ts';
import { classOf, countImages, imagesOf } from '../../src/evaluation/sets.ts';
import { cleanedTree, clipnTree, openoodTree, SYNSETS } from '../helpers/benchmark-trees.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

const code =
  (wanted: EvaluationErrorCode, pattern = /./) =>
  (error: unknown) => {
    assert.equal((error as { code?: string }).code, wanted, String(error));
    assert.match((error as Error).message, pattern);
    return true;
  };

async function tree(t: TestContext, make: (dir: string) => Promise<void>): Promise<string> {
  const dir = await temporaryDirectory(t);
  await make(dir);
  return dir;
}

const prepare = (name: keyof typeof PRESETS, root: string, more: { id?: string; classes?: string } = {}) => {
  const leftOut = new LeftOutFiles();
  return preparePreset(PRESETS[name], { root, leftOut, ...more }).then((task) => ({ ...task, leftOut }));
};

async function pathsOf(task: Awaited<ReturnType<typeof prepare>>): Promise<string[]> {
  const found: string[] = [];
  for await (const image of imagesOf(task.sets)) found.push(`${image.set.name} ${image.path} ${classOf(image)}`);
  return found;
}

describe('presets', () => {
  it('the layout of MOS and CLIPN is found under the names of the papers, and a set that is not there is named', async (t) => {
    const task = await prepare('clipn', await tree(t, clipnTree));
    assert.deepEqual(task.classes, ['tench', 'dog', 'school bus'], 'first synonyms of the mapping in the root');
    assert.deepEqual(
      task.sets.map((s) => s.name),
      ['ImageNet-1K', 'iNaturalist', 'SUN', 'Textures'],
    );
    assert.deepEqual(
      await countImages(task.sets, task.leftOut),
      [3, 2, 1, 1],
      'only images of dtd/images are textures',
    );
    assert.deepEqual(missingSets(task.record), [
      'Preset clipn: Places is not measured. There is no folder Places, ood_data/Places, ImageNet_OOD_dataset/Places below the root.',
    ]);
    assert.equal((await pathsOf(task))[1], 'ImageNet-1K n02084071/ILSVRC2012_val_00000002.JPEG 1');
  });

  it("NegRefine's layout is found with NINCO's archive as it is unpacked", async (t) => {
    const task = await prepare('cleaned', await tree(t, cleanedTree));
    assert.deepEqual((await pathsOf(task)).slice(3), [
      'iNaturalist images/1.jpg null',
      'OpenImage-O images/2.jpg null',
      'Clean Places/Places_000.jpg null',
      'NINCO donuts/3.jpg null',
    ]);
    assert.deepEqual(task.record.missing, []);
  });

  it("OpenOOD's image lists choose the images and name their classes; a set without a list is read whole", async (t) => {
    const root = await tree(t, openoodTree);
    const classes = join(root, 'names.txt');
    await writeFile(classes, 'tench\ndog\nschool bus\n');
    const task = await prepare('openood', root, { classes });
    assert.deepEqual(await pathsOf(task), [
      'ImageNet-1K imagenet_1k/val/ILSVRC2012_val_00000001.JPEG 2',
      'ImageNet-1K imagenet_1k/val/ILSVRC2012_val_00000002.JPEG 0',
      'SSB-hard ssb_hard/n1/1.JPEG null',
      'SSB-hard ssb_hard/n1/2.JPEG null',
      'NINCO ninco/donuts/1.jpg null',
      'iNaturalist images/1.jpg null',
      'iNaturalist images/2.jpg null',
      'Textures texture/banded/banded 1.jpg null',
    ]);
    assert.deepEqual(await countImages(task.sets, task.leftOut), [2, 2, 1, 2, 1]);
    assert.deepEqual(task.leftOut.lines(), ['1 image of a list that is not there (ILSVRC2012_val_00000004.JPEG)']);
    assert.deepEqual(task.record.groups, [
      { name: 'near-OOD', sets: ['SSB-hard', 'NINCO'] },
      { name: 'far-OOD', sets: ['iNaturalist', 'Textures'] },
    ]);
    await writeFile(classes, `${[...SYNSETS].reverse().join('\n')}\n`);
    const sorted = await prepare('openood', root, { classes });
    assert.deepEqual(sorted.classes, ['tench', 'dog', 'school bus'], 'numbers are in the order of the WordNet ids');
  });

  it('wrong folders, lists and class names are refused with a code', async (t) => {
    const root = await tree(t, openoodTree);
    const list = join(root, 'data/benchmark_imglist/imagenet/test_imagenet.txt');
    await assert.rejects(prepare('openood', root), code('classes_needed', /--classes/));
    const classes = join(root, 'names.txt');
    await writeFile(classes, 'tench\ndog\n');
    await assert.rejects(
      prepare('openood', root, { classes }),
      code('classes_count', /class number 2, and there are 2/),
    );
    for (const line of ['imagenet_1k/val/1.JPEG', '/etc/passwd 1', 'a/../../b.jpg 1', 'a.jpg x']) {
      await writeFile(list, `a.jpg 1\n${line}\n`);
      await assert.rejects(readImageList(list), code('list_invalid', /line 2/), line);
    }
    await writeFile(list, 'imagenet_1k/val/1.JPEG -1\n');
    await assert.rejects(prepare('openood', root, { classes }), code('list_invalid', /no class/));
    await assert.rejects(prepare('cleaned', join(root, 'data'), { classes }), code('id_without_classes'));
    const other = await tree(t, clipnTree);
    await rm(join(other, 'LOC_synset_mapping.txt'));
    await assert.rejects(prepare('clipn', other), code('classes_needed', /WordNet/));
    await rm(join(other, 'ood_data'), { recursive: true });
    await assert.rejects(prepare('clipn', other), code('preset_empty', /SUN \(SUN, ood_data\/SUN/));
    await mkdir(join(other, 'SUN'));
    await rm(join(other, 'ImageNet'), { recursive: true });
    await assert.rejects(prepare('clipn', other), code('preset_id_missing', /ImageNet\/val.*--id/));
  });

  it('every published figure is a percentage, has a source, and belongs to a column of the benchmark', () => {
    for (const name of PRESET_NAMES) {
      const { ood, published, sources } = PRESETS[name];
      const columns = new Set([...ood.flatMap((s) => [s.name, s.group ?? s.name]), 'average']);
      for (const { method, source, figures } of published) {
        assert.ok(sources[source - 1], `${name}: ${method}`);
        for (const [column, values] of Object.entries(figures)) {
          assert.ok(columns.has(column), `${name}: ${method}: ${column}`);
          for (const v of values) assert.ok(v === null || (v > 0 && v < 100), `${name}: ${method}: ${v}`);
        }
      }
    }
  });

  it('published averages are the means of the published sets', () => {
    for (const name of ['clipn', 'cleaned'] as const) {
      const { ood, published } = PRESETS[name];
      for (const { method, figures } of published) {
        for (const kind of [0, 1] as const) {
          const values = ood.map((s) => figures[s.name]?.[kind] ?? null);
          const average = figures['average']?.[kind] ?? null;
          if (average === null || values.includes(null)) continue;
          const mean = (values as number[]).reduce((a, b) => a + b, 0) / values.length;
          assert.ok(Math.abs(mean - average) <= 0.011, `${name}: ${method}: ${average} for ${mean}`);
        }
      }
    }
  });

  it('published rows show n/a where the source has no figure, and each convention of FPR95 in its own table', async (t) => {
    const { record } = await prepare('openood', await tree(t, openoodTree), {
      classes: join(await tree(t, (dir) => writeFile(join(dir, 'c.txt'), 'a\nb\nc\n')), 'c.txt'),
    });
    const columns = ['NINCO', 'near-OOD'];
    assert.deepEqual(publishedPairs(record, columns)?.rows, [
      ['MCM, CLIP ViT-B/16 [1]', '69.85/82.70', 'n/a'],
      ['NegLabel, CLIP ViT-B/16 [1]', '73.79/73.36', 'n/a'],
      ['NegLabel, CLIP ViT-B/16 [2]', 'n/a', '76.92/n/a'],
      ['LogitGap, CLIP ViT-B/16 [3]', 'n/a/76.83', 'n/a'],
    ]);
    const other = publishedOther(record, columns);
    assert.deepEqual(other?.rows, [['NegLabel, CLIP ViT-B/16 [2]', 'n/a', '68.18']]);
    assert.match(other?.notes.join() ?? '', /^\[2\] ANTS/);
  });
});
