import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BundleError } from '../../src/bundle/errors.ts';
import { loadBundle, withPrecision } from '../../src/bundle/load.ts';
import type { Manifest, Precision } from '../../src/bundle/manifest.ts';
import { choosePrecision, lowerBound, offered, type Target } from '../../src/bundle/precision.ts';
import { entry, madeBundle, manifest, QUALITY } from '../helpers/bundles.ts';

const refused = async (dir: string, options = {}): Promise<string> => {
  const error = await loadBundle(dir, options).then(
    () => assert.fail('the bundle is wrong and was accepted'),
    (e: unknown) => e,
  );
  assert.ok(error instanceof BundleError, String(error));
  return error.message;
};

const both = () =>
  manifest({ fp16: entry(), int8: entry({ graphs: ['image', 'text-yes', 'text-no'], tolerance: 0.02 }) });

describe('precisions of a bundle', () => {
  it('an extra precision replaces the graphs that it has and keeps the others', async (t) => {
    const dir = await madeBundle(t, both());
    const base = await loadBundle(dir);
    assert.equal(base.precision, 'fp32');
    assert.equal(base.textId, base.id);
    assert.deepEqual(base.tolerance, {});
    assert.deepEqual(offered(base.manifest), ['fp32', 'fp16', 'int8']);

    const fp16 = await loadBundle(dir, { precision: 'fp16' });
    assert.equal(fp16.files.image, join(dir, 'image.fp16.onnx'));
    assert.equal(fp16.files.textYes, join(dir, 'text-yes.onnx'));
    assert.deepEqual(fp16.tolerance, { image: 0.01, text: undefined });

    const int8 = withPrecision(base, 'int8');
    assert.equal(int8.files.image, join(dir, 'image.int8.onnx'));
    assert.equal(int8.files.textNo, join(dir, 'text-no.int8.onnx'));
    assert.deepEqual(int8.tolerance, { image: 0.02, text: 0.02 });
    assert.deepEqual(withPrecision(int8, 'fp32').files, base.files);
    assert.deepEqual(withPrecision(int8, 'fp32').tolerance, { image: undefined, text: undefined });
  });

  it('text features made with one text graph never serve another', async (t) => {
    const base = await loadBundle(await madeBundle(t, both()));
    assert.equal(withPrecision(base, 'fp16').textId, base.textId);
    assert.equal(withPrecision(base, 'int8').textId, `${base.id}-int8`);
  });

  it('an unavailable precision is refused, and the error names the available ones', async (t) => {
    const only = await madeBundle(t, manifest({ fp16: entry() }));
    assert.match(await refused(only, { precision: 'int8' }), /it has no int8 graphs; it has fp32, fp16/);
    assert.match(await refused(await madeBundle(t, manifest()), { precision: 'fp16' }), /it has fp32$/);
  });

  it('files of an extra precision are checked; with a selected precision, only the files that it needs', async (t) => {
    const dir = await madeBundle(t, both());
    await writeFile(join(dir, 'text-no.int8.onnx'), 'text_no.int8.onnx');
    assert.match(await refused(dir), /text-no\.int8\.onnx is not the file the manifest describes/);
    assert.match(await refused(dir, { precision: 'int8' }), /text-no\.int8\.onnx is not the file/);
    await loadBundle(dir, { precision: 'fp16' });
    await rm(join(dir, 'image.fp16.onnx'));
    assert.match(await refused(dir, { precision: 'fp16' }), /image\.fp16\.onnx is missing/);
  });

  const wrong: [string, (m: Manifest) => unknown, RegExp][] = [
    [
      'a graph that is not among the files',
      (m) => delete m.files['image.fp16.onnx'],
      /precisions\/fp16: image\.fp16\.onnx is missing in files/,
    ],
    [
      'a file with a name of its own',
      (m) => Object.assign(m.files, { '../x.onnx': m.files['image.onnx'] }),
      /\/files.*\.\.\/x\.onnx/,
    ],
    ['an unknown precision', (m) => Object.assign(m.precisions ?? {}, { int4: entry() }), /\/precisions.*int4/],
    [
      'an unknown part',
      (m) => Object.assign(m.precisions?.fp16 ?? {}, { graphs: ['audio'] }),
      /precisions\/fp16\/graphs\/0/,
    ],
    ['no graphs', (m) => Object.assign(m.precisions?.fp16 ?? {}, { graphs: [] }), /precisions\/fp16\/graphs/],
    [
      'a tolerance that lets anything pass',
      (m) => Object.assign(m.precisions?.int8 ?? {}, { tolerance: 1 }),
      /precisions\/int8\/tolerance/,
    ],
    [
      'no figures of its cost',
      (m) => Object.assign(m.precisions?.int8 ?? {}, { quality: undefined }),
      /precisions\/int8.*quality/,
    ],
  ];
  for (const [what, spoil, message] of wrong) {
    it(`a bundle is refused: ${what}`, async (t) => {
      const value = both();
      const dir = await madeBundle(t, value);
      spoil(value);
      await writeFile(join(dir, 'bundle.json'), JSON.stringify(value));
      assert.match(await refused(dir), message);
    });
  }
});

describe('the lower bound of a share', () => {
  it('the lower bound of a share is that of the score interval', () => {
    // computed with scipy: binomtest(hits, n).proportion_ci(0.9, "wilson").low
    for (const [hits, n, bound] of [
      [196, 200, 0.9562],
      [990, 1000, 0.9834],
      [20, 20, 0.8808],
      [0, 10, 0],
    ] as const)
      assert.ok(Math.abs(lowerBound(hits / n, n) - bound) < 1e-4, `${hits} of ${n}: ${lowerBound(hits / n, n)}`);
  });
});

describe('choice of precision', () => {
  const cpu: Target = { device: 'cpu', fastInt8: true };
  const gpu: Target = { device: 'gpu', fastInt8: false };
  const costly = (change: Partial<typeof QUALITY>) => manifest({ int8: entry({ quality: { ...QUALITY, ...change } }) });
  const cases: [string, Manifest, Precision | 'auto', Target, Precision, RegExp][] = [
    ['int8 on a CPU', both(), 'auto', cpu, 'int8', /99\.0 % of 400 decisions equal those of fp32/],
    ['fp16 on a GPU', both(), 'auto', gpu, 'fp16', /99\.0 %/],
    ['the base where there is nothing else', manifest(), 'auto', cpu, 'fp32', /no int8 for a CPU/],
    ['the base on a GPU without fp16', manifest({ int8: entry() }), 'auto', gpu, 'fp32', /no fp16 for a GPU/],
    ['the base on a CPU without int8', manifest({ fp16: entry() }), 'auto', cpu, 'fp32', /no int8 for a CPU/],
    ['the base on an old CPU', both(), 'auto', { ...cpu, fastInt8: false }, 'fp32', /no fast 8-bit products/],
    [
      'the base where decisions change',
      costly({ equal_decisions: 0.9 }),
      'auto',
      cpu,
      'fp32',
      /90\.0 % of its decisions/,
    ],
    [
      'the base where features turn',
      costly({ image_cosine: { mean: 0.99, min: 0.9 } }),
      'auto',
      cpu,
      'fp32',
      /cosine 0\.9900/,
    ],
    [
      'the base where one feature turns',
      costly({ image_cosine: { mean: 0.999, min: 0.9 } }),
      'auto',
      cpu,
      'fp32',
      /least 0\.9000/,
    ],
    [
      'the base where texts turn',
      costly({ text_cosine: { mean: 0.9, min: 0.9 } }),
      'auto',
      cpu,
      'fp32',
      /cosine 0\.9000/,
    ],
    [
      'auto selects the base if the cost was not measured on photographs',
      costly({ inputs: 'made' }),
      'auto',
      cpu,
      'fp32',
      /400 made images/,
    ],
    [
      'auto selects the base if the cost was measured on few photographs',
      costly({ images: 199 }),
      'auto',
      cpu,
      'fp32',
      /199 photographs, at least 200/,
    ],
    [
      'auto selects the base if 2.5 % of decisions change',
      costly({ equal_decisions: 0.975 }),
      'auto',
      cpu,
      'fp32',
      /97\.5 %/,
    ],
    [
      'auto selects the base if there are too few photographs for a confidence of 95 %',
      costly({ images: 200, equal_decisions: 0.98 }),
      'auto',
      cpu,
      'fp32',
      /98\.0 % of 200 decisions equal those of the base, a share of 95\.6 %/,
    ],
    [
      'auto selects int8 if there are enough photographs',
      costly({ images: 500, equal_decisions: 0.98 }),
      'auto',
      cpu,
      'int8',
      /98\.0 % of 500/,
    ],
    [
      'a named precision is selected at any cost',
      costly({ equal_decisions: 0.5 }),
      'int8',
      cpu,
      'int8',
      /as configured/,
    ],
    ['a named precision is selected on any device', both(), 'fp32', gpu, 'fp32', /as configured/],
    ['a named precision is selected even if the bundle lacks it', manifest(), 'fp16', cpu, 'fp16', /as configured/],
  ];
  for (const [what, value, wanted, target, precision, why] of cases) {
    it(what, () => {
      const choice = choosePrecision(value, wanted, target);
      assert.equal(choice.precision, precision);
      assert.match(choice.why, why);
    });
  }
});
