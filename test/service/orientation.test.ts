import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import sharp from 'sharp';
import { ask, recordingUpstream } from '../helpers/gate.ts';
import { DEFAULT_BUNDLE, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { startService } from '../helpers/service.ts';

/** Exif with one entry: orientation 6, the top of the picture is its right side. */
const TURNED = Buffer.concat([
  Buffer.from([0xff, 0xe1, 0, 34]),
  Buffer.from('Exif\0\0II*\0\x08\0\0\0\x01\0', 'latin1'),
  // tag 0x0112, type SHORT, one value, 6; no further directory
  Buffer.from([0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]),
]);

const withTag = (jpeg: Buffer) => Buffer.concat([jpeg.subarray(0, 2), TURNED, jpeg.subarray(2)]);

it('the gate judges a photograph with orientation 6 upright on a route with "apply", and as it is stored on one with "ignore"', async (t) => {
  const dir = await temporaryDirectory(t);
  const upstream = await recordingUpstream(t);
  const config = join(dir, 'gate.yaml');
  await writeFile(
    config,
    `listen: {port: 0}
upstream: {url: "${upstream.url}"}
defaults: {adapter: raw, mode: annotate, budget_ms: 60000}
routes:
  - {match: {path: /apply}, orientation: apply}
  - {match: {path: /ignore}, orientation: ignore}
`,
  );
  const { gate } = await startService(t, dir, { CLIPN_BUNDLE: DEFAULT_BUNDLE }, ['gate', '--config', config]);
  const verdict = async (path: string, jpeg: Buffer) => {
    await ask(gate as string, {
      path,
      headers: [
        ['content-type', 'image/jpeg'],
        ['content-length', String(jpeg.length)],
      ],
      body: jpeg,
    });
    const { headers = [] } = upstream.requests.at(-1) ?? {};
    const of = (name: string) => headers.find(([header]) => header === name)?.[1];
    return { class: of('x-clipn-classes'), no: of('x-clipn-no-probability'), ood: of('x-clipn-ood-probability') };
  };
  const differ: string[] = [];
  for (const name of ['dog', 'cat', 'butterfly', 'coffee', 'zebra']) {
    const stored = await sharp(await readFile(join(ROOT, `samples/${name}.jpg`)))
      .rotate(270)
      .jpeg({ quality: 95 })
      .toBuffer();
    const tagged = withTag(stored);
    const [applied, ignored] = [await verdict('/apply', tagged), await verdict('/ignore', tagged)];
    assert.match(applied.no ?? '', /^[\d.e-]+$/, JSON.stringify(applied));
    // lossless: the same pixels, already turned
    const upright = await sharp(stored).rotate(90).png().toBuffer();
    assert.deepEqual(ignored, await verdict('/apply', stored), name);
    assert.deepEqual(applied, await verdict('/ignore', upright), name);
    if (applied.class !== ignored.class || applied.ood !== ignored.ood) differ.push(name);
  }
  assert.ok(differ.length >= 3, `the route changes the verdict of ${differ.join()}`);
});
