import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import type { Verdict } from '../../src/http/schemas/detect.ts';
import { PYTHON, photographs, ROOT, skip, TRAINED_BUNDLE, temporaryDirectory } from '../helpers/paths.ts';
import { ALL_LANES, putTenant, sendImage, startService } from '../helpers/service.ts';

/** Fifty names: of the photographs' own classes, of the training data, and some that the model has never seen. */
const CLASSES =
  'airplane,brain,butterfly,dalmatian,elephant,flamingo,grand piano,helicopter,kangaroo,lobster,panda,pizza,soccer ball,starfish,stop sign,strawberry,sunflower,umbrella,watch,wheelchair,' +
  'dog,cat,tiger,school bus,bicycle,bottle,bowl,castle,cloud,forest,house,maple tree,motorcycle,mountain,mushroom,orange,plate,rabbit,road,rocket,sea,spider,tank,telephone,train,wolf,zeppelin,microscope slide,Überraschung,犬';

it('service against PyTorch, same bundle: probabilities within 1e-4, decisions identical', {
  skip: skip.both,
}, async (t) => {
  const classes = CLASSES.split(',');
  assert.equal(classes.length, 50);
  const files = photographs.slice(0, 100);
  const dir = await temporaryDirectory(t);
  const { url } = await startService(t, dir, {
    ...ALL_LANES,
    CLIPN_BUNDLE: TRAINED_BUNDLE,
    CLIPN_ORIENTATION: 'ignore',
    CLIPN_DECODE: 'exact',
  });
  assert.ok((await putTenant(url, 'fifty', { classes })).ok);
  await writeFile(join(dir, 'classes.txt'), classes.join('\n'));
  const python = spawnSync(
    PYTHON as string,
    ['-m', 'clipn_models.reference', '--bundle', TRAINED_BUNDLE, '--classes', join(dir, 'classes.txt'), ...files],
    {
      cwd: join(ROOT, 'models'),
      encoding: 'utf8',
      maxBuffer: 1e9,
    },
  );
  assert.equal(python.status, 0, python.stderr);
  const expected = python.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(expected.length, files.length);

  let worst = 0;
  let closest = Number.POSITIVE_INFINITY;
  for (const [i, file] of files.entries()) {
    const reply = (await (await sendImage(url, await readFile(file), '?tenant=fifty&top_k=50')).json()) as {
      results: Verdict[];
    };
    const ours = reply.results[0] as Verdict;
    const theirs = expected[i];
    assert.equal(ours.top.length, 50);
    const differences = [
      ours.ood_probability - theirs.p_ood,
      ...ours.top.flatMap((c) => [c.probability - theirs.p[c.index], c.no_probability - theirs.p_no[c.index]]),
    ];
    for (const key of ['ctw', 'atd', 'msp'] as const) differences.push(ours.scores[key] - theirs.scores[key]);
    worst = Math.max(worst, ...differences.map(Math.abs));
    closest = Math.min(closest, Math.abs(theirs.p_no[theirs.index] - 0.5));
    assert.equal(ours.prediction.index, theirs.index, file);
    for (const rule of ['ctw', 'atd', 'atd_rescaled'] as const)
      assert.equal(ours.decisions[rule] === 'ood', theirs.ood[rule], `${file} ${rule}`);
  }
  t.diagnostic(
    `${files.length} photographs x ${classes.length} classes: largest difference of a probability ${worst.toExponential(1)}; closest to a tie ${closest.toExponential(1)}`,
  );
  assert.ok(worst <= 1e-4, `largest difference ${worst}`);
});
