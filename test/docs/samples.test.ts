import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { DEMO } from '../../src/tenants/demo.ts';
import { documentAt } from '../helpers/documents.ts';
import { COMMAND, DEFAULT_BUNDLE, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { environment } from '../helpers/service.ts';

const FOLDER = join(ROOT, 'samples');
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.jpg'))
  .sort();

describe('sample photographs', () => {
  it('samples/README.md names the source of every photograph, and no other file', () => {
    const rows = [...readFileSync(join(FOLDER, 'README.md'), 'utf8').matchAll(/^\| `([a-z]+\.jpg)` \|/gm)];
    assert.deepEqual(rows.map(([, name]) => name).sort(), names);
    assert.equal(names.length, 6);
  });

  it('every photograph is a small JPEG without metadata', async () => {
    for (const name of names) {
      const path = join(FOLDER, name);
      assert.ok(statSync(path).size < 50_000, name);
      const { format, width, height, exif, xmp, iptc } = await sharp(path).metadata();
      assert.equal(format, 'jpeg');
      assert.ok(Math.max(width, height) <= 480, name);
      assert.deepEqual([exif, xmp, iptc], [undefined, undefined, undefined]);
    }
  });

  it('the included model keeps three, rejects three, and gives the verdict that README.md shows', async (t) => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [COMMAND, 'detect', '--json', '--method', DEMO.method as string, '--classes', DEMO.classes.join(','), FOLDER],
      { env: environment({ CLIPN_BUNDLE: DEFAULT_BUNDLE, CLIPN_DATA_DIR: await temporaryDirectory(t) }) },
    );
    const verdicts = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const kept = verdicts.filter((v) => v.decision === 'id').map((v) => `${v.prediction.class}.jpg`);
    assert.deepEqual(kept.sort(), ['butterfly.jpg', 'cat.jpg', 'dog.jpg']);
    for (const v of verdicts) if (v.decision === 'id') assert.ok(v.file.endsWith(`${v.prediction.class}.jpg`), v.file);
    assert.equal(verdicts.filter((v) => v.decision === 'ood').length, 3);

    const example = documentAt('README.md').blocks.find(({ language }) => language === 'json');
    const [shown] = JSON.parse(example?.text ?? '{}').results;
    const actual = verdicts.find((v) => v.file.endsWith(`/${shown.id}`));
    for (const key of ['decision', 'method', 'decisions']) assert.deepEqual(actual[key], shown[key], key);
    assert.equal(actual.prediction.class, shown.prediction.class);
    assert.equal(actual.prediction.index, shown.prediction.index);
    // fp32 and int8 differ in the third decimal
    const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 0.005, `${a} is shown as ${b}`);
    near(actual.prediction.probability, shown.prediction.probability);
    near(actual.no_probability, shown.no_probability);
    near(actual.ood_probability, shown.ood_probability);
  });
});
