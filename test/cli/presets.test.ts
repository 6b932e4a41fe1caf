import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import type { Results } from '../../src/evaluation/results.ts';
import { cleanedTree, clipnTree, openoodTree } from '../helpers/benchmark-trees.ts';
import { assertWellFormed } from '../helpers/html.ts';
import { BUNDLE, COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { environment } from '../helpers/service.ts';

async function run(...args: string[]) {
  const child = spawn(process.execPath, [COMMAND, 'eval', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment({ CLIPN_BUNDLE: BUNDLE }),
  });
  const status = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { stdout: await text(child.stdout), stderr: await text(child.stderr), status: await status };
}

describe('clipn-gate eval --preset', () => {
  it('a part of the MOS sets is measured, the missing set is named, and the published figures are printed below the measured', async (t) => {
    const root = await temporaryDirectory(t);
    await clipnTree(root);
    const out = join(root, 'out');
    const { status, stdout, stderr } = await run('--preset', 'clipn', '--root', root, '--out', out);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /Preset clipn: Places is not measured\. There is no folder Places, ood_data\/Places/);
    assert.match(stdout, /^Preset clipn: ImageNet-1K against iNaturalist, SUN, Places and Textures/m);
    assert.match(stdout, /^3 classes here, 1000 behind the published figures\.$/m);
    assert.match(stdout, /^SUN: 1 image here, 10,000 behind the published figures\.$/m);
    assert.match(stdout, /^The average leaves out Places\.$/m);
    assert.match(stdout, /^score +iNaturalist +SUN +Textures +average$/m);
    assert.match(stdout, /^CTW( +\d+\.\d\d\/\d+\.\d\d){4}$/m);
    assert.match(
      stdout,
      /^published:\nCLIPN-CTW, ViT-B\/16 LAION-2B \[1\] +92\.80\/24\.41 +89\.34\/33\.09 +79\.75\/54\.28 +87\.31\/37\.42$/m,
    );
    assert.match(stdout, /^\[1\] CLIPN \(ICCV 2023, arXiv 2308\.12213\)/m);
    const results: Results = JSON.parse(await readFile(join(out, 'results.json'), 'utf8'));
    assert.deepEqual(
      [results.id.images, ...results.ood.map((o) => o.images), results.preset?.missing[0]?.name],
      [3, 2, 1, 1, 'Places'],
    );
    const html = await readFile(join(out, 'report.html'), 'utf8');
    assertWellFormed(html);
    assert.match(html, /<th scope="row">NegLabel, CLIP ViT-B\/16 \[2\]<\/th><td>99\.49<\/td><td>1\.91<\/td>/);
    assert.match(html, /<dt>benchmark<\/dt><dd>.*The average leaves out Places\./);
  });

  it("OpenOOD's lists, near and far averages, and the cleaned sets are each one command", async (t) => {
    const root = await temporaryDirectory(t);
    await openoodTree(root);
    const classes = join(root, 'names.txt');
    await writeFile(classes, 'tench\ndog\nschool bus\n');
    const [openood, cleaned] = [join(root, 'a'), join(root, 'b')];
    await cleanedTree(cleaned);
    const first = await run('--preset', 'openood', '--root', root, '--classes', classes, '--out', openood);
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stderr, /OpenImage-O is not measured/);
    assert.match(first.stderr, /1 image of a list that is not there \(ILSVRC2012_val_00000004\.JPEG\)/);
    assert.match(first.stdout, /^score +SSB-hard +NINCO +iNaturalist +Textures +near-OOD +far-OOD +average$/m);
    assert.match(first.stdout, /^NegLabel, CLIP ViT-B\/16 \[2\]( +n\/a){4} +76\.92\/n\/a +93\.30\/n\/a +n\/a$/m);
    const results: Results = JSON.parse(await readFile(join(openood, 'results.json'), 'utf8'));
    const auroc = (name: string) => results.ood.find((o) => o.name === name)?.figures?.scores.atd.auroc ?? Number.NaN;
    assert.equal(results.groups?.[0]?.figures?.scores.atd.auroc, (auroc('SSB-hard') + auroc('NINCO')) / 2);
    assert.equal(results.id.images, 2);

    const second = await run('--preset', 'cleaned', '--root', cleaned, '--json');
    assert.equal(second.status, 0, second.stderr);
    assert.deepEqual(
      (JSON.parse(second.stdout) as Results).ood.map((o) => [o.name, o.images]),
      [
        ['iNaturalist', 1],
        ['OpenImage-O', 1],
        ['Clean', 1],
        ['NINCO', 1],
      ],
    );
  });

  it('a preset without --root, with --ood, or of an unknown name ends with status 2', async (t) => {
    const dir = await temporaryDirectory(t);
    for (const [pattern, ...args] of [
      [/preset_arguments/, '--preset', 'clipn'],
      [/preset_arguments/, '--preset', 'clipn', '--root', dir, '--ood', dir],
      [/Allowed choices are clipn, openood, cleaned/, '--preset', 'imagenet', '--root', dir],
      [/preset_id_missing/, '--preset', 'cleaned', '--root', dir],
      [/required option '--id <dir>' not specified/, '--ood', dir],
    ] as const) {
      const { status, stderr } = await run(...args);
      assert.equal(status, 2, stderr);
      assert.match(stderr, pattern);
    }
  });
});
