import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Verdict } from '../../src/http/schemas/detect.ts';
import { withCopies } from '../helpers/bundles.ts';
import { waves } from '../helpers/images.ts';
import { BUNDLE, COMMAND, temporaryDirectory } from '../helpers/paths.ts';
import { environment, sendImage, startService } from '../helpers/service.ts';

const serve = (dir: string, data: string, precision: string) =>
  spawnSync(process.execPath, [COMMAND, 'serve'], {
    env: environment({ CLIPN_BUNDLE: dir, CLIPN_DATA_DIR: data, CLIPN_PORT: '0', CLIPN_PRECISION: precision }),
    encoding: 'utf8',
    timeout: 60_000,
  });

describe('precision of the service', () => {
  it('a configured precision runs on its own graphs; readiness and log name it', async (t) => {
    const dir = await withCopies(t, BUNDLE, 'int8', ['image', 'text-yes', 'text-no']);
    const data = await temporaryDirectory(t);
    const forced = await startService(t, data, { CLIPN_BUNDLE: dir, CLIPN_PRECISION: 'int8' });
    const plain = await startService(t, await temporaryDirectory(t), { CLIPN_BUNDLE: dir, CLIPN_PRECISION: 'fp32' });
    const engine = async (url: string) => ((await (await fetch(`${url}/readyz`)).json()) as { engine: object }).engine;
    assert.deepEqual(await engine(forced.url), { state: 'ready', device: 'cpu', precision: 'int8', restarts: 0 });
    assert.deepEqual(await engine(plain.url), { state: 'ready', device: 'cpu', precision: 'fp32', restarts: 0 });
    const opened = forced.log.find((l) => l['msg'] === 'model bundle opened');
    assert.equal(opened?.['precision'], 'int8');
    assert.equal(opened?.['why'], 'as configured');
    assert.equal(forced.log.find((l) => l['msg'] === 'engine ready')?.['precision'], 'int8');

    const image = await waves(80, 60, 1).png().toBuffer();
    const verdict = async (url: string) =>
      ((await (await sendImage(url, image)).json()) as { results: Verdict[] }).results[0] as Verdict;
    assert.deepEqual((await verdict(forced.url)).scores, (await verdict(plain.url)).scores);
    assert.deepEqual(
      (await readdir(join(data, 'features'))).map((name) => name.endsWith('-int8.rows')),
      [true],
    );
  });

  it('the service does not start with a precision that the bundle lacks, and names the available ones', async (t) => {
    const dir = await withCopies(t, BUNDLE, 'int8', ['image']);
    const { status, stderr } = serve(dir, await temporaryDirectory(t), 'fp16');
    assert.equal(status, 1);
    assert.match(stderr, /it has no fp16 graphs; it has fp32, int8/);
  });

  it('the golden check uses the tolerance of the precision', async (t) => {
    const dir = await withCopies(t, BUNDLE, 'int8', ['image'], { tolerance: 1e-12 });
    const { status, stderr } = serve(dir, await temporaryDirectory(t), 'int8');
    assert.equal(status, 1);
    assert.match(stderr, /golden check of image \d, int8: .* tolerance 1e-12/);
  });
});
