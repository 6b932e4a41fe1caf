import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { externalFiles } from '../../src/bundle/external.ts';
import { loadBundle } from '../../src/bundle/load.ts';
import type { Manifest } from '../../src/bundle/manifest.ts';
import { openImageSession, openTextSession } from '../../src/engine/shared/sessions.ts';
import { BUNDLE, SMALL_BERT, temporaryDirectory } from '../helpers/paths.ts';

/** A field that holds bytes, as protobuf writes it. */
const field = (number: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
};
const varint = (value: number): Buffer =>
  value < 128
    ? Buffer.from([value])
    : Buffer.concat([Buffer.from([(value % 128) + 128]), varint(Math.floor(value / 128))]);
const text = (number: number, value: string) => field(number, Buffer.from(value));
const tensor = (location: string) => Buffer.concat([field(13, text(1, 'location'), text(2, location)), text(13, '')]);

async function copy(t: TestContext): Promise<string> {
  const dir = await temporaryDirectory(t);
  await cp(SMALL_BERT, dir, { recursive: true });
  return dir;
}

describe('the files that a graph reads its tensors from', () => {
  it('external files are found in initialisers, attributes, inner graphs, sparse tensors, functions and training graphs', () => {
    const graph = (...parts: Buffer[]) => Buffer.concat(parts);
    const attribute = Buffer.concat([
      field(5, tensor('of attribute')),
      field(10, tensor('of list')),
      field(22, field(1, tensor('of sparse attribute'))),
    ]);
    const inner = field(5, tensor('of inner graph'));
    const node = field(5, attribute, field(6, inner), field(11, field(15, field(2, tensor('of indices')))));
    const model = Buffer.concat([
      field(7, graph(field(5, tensor('../of graph')), field(1, node), field(15, field(1, tensor('of sparse'))))),
      field(25, field(7, field(5, field(5, tensor('of function'))))),
      field(20, field(1, field(5, tensor('of training')))),
    ]);
    assert.deepEqual([...externalFiles(model)].sort(), [
      '../of graph',
      'of attribute',
      'of function',
      'of indices',
      'of inner graph',
      'of list',
      'of sparse',
      'of sparse attribute',
      'of training',
    ]);
  });

  it('a self-contained graph has no external files; two graphs with shared weights have text.weights', async () => {
    assert.deepEqual([...externalFiles(await readFile(join(BUNDLE, 'text-yes.onnx')))], []);
    assert.deepEqual([...externalFiles(await readFile(join(SMALL_BERT, 'text-yes.onnx')))], ['text.weights']);
    assert.deepEqual([...externalFiles(await readFile(join(SMALL_BERT, 'image.onnx')))], []);
  });

  it('the reader of external files reads or refuses any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          externalFiles(bytes);
        } catch (error) {
          assert.match((error as Error).message, /^the graph is (cut off|nested)/);
        }
      }),
    );
    let nested: Buffer = Buffer.alloc(0);
    for (let i = 0; i < 200; i++) nested = field(1, field(5, field(6, nested)));
    assert.throws(() => externalFiles(field(7, nested)), /nested/);
  });
});

describe('a bundle whose text graphs share their weights', () => {
  it('a bundle with shared text weights opens, and a text has the same features alone and beside a longer one', async () => {
    const bundle = await loadBundle(SMALL_BERT);
    const session = await openTextSession(bundle, 'yes', 1);
    const [alone, both] = [
      await session.run(BigInt64Array.from([2n, 9n, 8n, 3n]), 1),
      await session.run(BigInt64Array.from([2n, 9n, 8n, 3n, 0n, 0n, 2n, 9n, 9n, 9n, 9n, 3n]), 2),
    ];
    for (const [i, value] of alone.entries()) assert.ok(Math.abs(value - (both[i] as number)) < 1e-6);
  });

  it('a bundle is refused when the shared file is missing, altered or not listed', async (t) => {
    const dir = await copy(t);
    const weights = await readFile(join(dir, 'text.weights'));
    weights[10] = (weights[10] as number) ^ 1;
    await writeFile(join(dir, 'text.weights'), weights);
    await assert.rejects(loadBundle(dir), /text\.weights is not the file the manifest describes/);
    const manifest = JSON.parse(await readFile(join(dir, 'bundle.json'), 'utf8')) as Manifest;
    delete manifest.files['text.weights'];
    await writeFile(join(dir, 'bundle.json'), JSON.stringify(manifest));
    await assert.rejects(openTextSession(await loadBundle(dir), 'yes', 1), (error: { internal?: string }) =>
      /text\.weights, which the manifest does not list/.test(error.internal ?? ''),
    );
  });

  it('a bundle is refused when one of its graphs names another file, even if that exists', async (t) => {
    for (const name of ['text-yes.onnx', 'image.onnx']) {
      const dir = await copy(t);
      const source = await readFile(join(dir, 'text-yes.onnx'), 'latin1');
      await writeFile(join(dir, name), source.replaceAll('text.weights', '../../secret'), 'latin1');
      const bundle = await loadBundle(dir, { checksums: false }).catch(() => undefined);
      const opened = bundle ?? { ...(await loadBundle(SMALL_BERT)) };
      opened.files = { ...opened.files, textYes: join(dir, 'text-yes.onnx'), image: join(dir, 'image.onnx') };
      const opening = name === 'image.onnx' ? openImageSession(opened, 1) : openTextSession(opened, 'yes', 1);
      await assert.rejects(opening, (error: { internal?: string }) =>
        /only text\.weights is allowed/.test(error.internal ?? ''),
      );
    }
  });
});
