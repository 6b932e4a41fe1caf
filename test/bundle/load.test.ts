import assert from 'node:assert/strict';
import { appendFile, cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { BundleError } from '../../src/bundle/errors.ts';
import { readGolden } from '../../src/bundle/golden.ts';
import { loadBundle } from '../../src/bundle/load.ts';
import { unknownWords } from '../../src/bundle/vocabulary.ts';
import { BUNDLE, DEFAULT_BUNDLE, temporaryDirectory } from '../helpers/paths.ts';

async function copy(t: TestContext): Promise<string> {
  const dir = await temporaryDirectory(t);
  await cp(BUNDLE, dir, { recursive: true });
  return dir;
}

async function faults(dir: string): Promise<string> {
  const error = await loadBundle(dir).then(
    () => assert.fail('the bundle is wrong and was accepted'),
    (e: unknown) => e,
  );
  assert.ok(error instanceof BundleError, String(error));
  return error.message;
}

async function edit(dir: string, change: (manifest: Record<string, never>) => void): Promise<void> {
  const manifest = JSON.parse(await readFile(join(dir, 'bundle.json'), 'utf8'));
  change(manifest);
  await writeFile(join(dir, 'bundle.json'), JSON.stringify(manifest));
}

describe('the embedded bundle', () => {
  it('the default bundle names the lanes and the batch that were fastest, for each precision of a CPU', async () => {
    const { speed, precisions } = (await loadBundle(DEFAULT_BUNDLE)).manifest;
    assert.deepEqual(Object.keys(speed ?? {}), ['fp32', 'int8']);
    assert.ok(precisions?.int8);
  });

  it('the embedded bundle is complete: checksums, golden file, figures of its own quality', async () => {
    const bundle = await loadBundle(BUNDLE);
    const golden = await readGolden(bundle);
    const { embedding_dim: width, image, text } = bundle.manifest;
    assert.deepEqual(golden.image.pixels.shape, [4, image.size, image.size, 3]);
    assert.deepEqual(golden.image.features.shape, [4, width]);
    assert.equal(golden.text.tokens.length, golden.text.texts.length);
    assert.ok(golden.text.tokens.every((row) => row.length <= text.context_length));
    assert.ok(bundle.id.startsWith(`${bundle.manifest.name}@${bundle.manifest.version}+`));
  });

  it('the embedded bundle lists the words that it has learned', async () => {
    const { manifest } = await loadBundle(BUNDLE);
    assert.deepEqual(unknownWords(manifest, 'dog'), []);
    assert.deepEqual(unknownWords(manifest, 'German Shepherd'), []);
    assert.deepEqual(unknownWords(manifest, 'quantum dog'), ['quantum']);
    assert.deepEqual(unknownWords(manifest, '犬'), ['犬']);
    assert.deepEqual(unknownWords(manifest, '🐕'), ['🐕']);
  });
});

describe('a wrong bundle is refused', () => {
  it('missing, foreign, truncated and altered files of a bundle are all reported at once', async (t) => {
    const dir = await copy(t);
    await rm(join(dir, 'text-no.onnx'));
    await appendFile(join(dir, 'golden.json'), ' ');
    const bytes = await readFile(join(dir, 'tokenizer.json'));
    bytes[100] = (bytes[100] as number) ^ 1;
    await writeFile(join(dir, 'tokenizer.json'), bytes);
    const text = await faults(dir);
    assert.match(text, /text-no\.onnx is missing/);
    assert.match(text, /golden\.json has \d+ bytes/);
    assert.match(text, /tokenizer\.json is not the file the manifest describes/);
  });

  it('a bundle without a manifest, with invalid JSON or with another format is refused', async (t) => {
    const dir = await copy(t);
    await edit(dir, (m) => Object.assign(m, { format: 2 }));
    assert.match(await faults(dir), /bundle\.json\/format/);
    await writeFile(join(dir, 'bundle.json'), '{');
    assert.match(await faults(dir), /not JSON/);
    await rm(join(dir, 'bundle.json'));
    assert.match(await faults(dir), /can't be read/);
  });

  it('a bundle is refused when fields of its manifest are wrong, missing or unknown', async (t) => {
    const dir = await copy(t);
    await edit(dir, (m: Record<string, unknown>) => {
      m['embedding_dim'] = 0;
      m['templates'] = { yes: ['no braces'], no: null };
      m['surprise'] = 1;
      delete m['licence'];
    });
    const text = await faults(dir);
    for (const pattern of [/embedding_dim/, /templates\/yes\/0/, /surprise/, /licence/]) assert.match(text, pattern);
  });

  it('a bundle is refused when tensors of its golden file do not have the declared sizes', async (t) => {
    const dir = await copy(t);
    const bundle = await loadBundle(dir);
    const golden = JSON.parse(await readFile(join(dir, 'golden.json'), 'utf8'));
    golden.image.features.shape[0]++;
    await writeFile(join(dir, 'golden.json'), JSON.stringify(golden));
    await assert.rejects(readGolden(bundle), BundleError);
  });
});
