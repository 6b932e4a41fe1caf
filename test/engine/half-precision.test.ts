import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { ROOT } from '../helpers/paths.ts';

/** Opens the image graph of a bundle in half precision, the patch embedding of a Vision Transformer with random weights, and runs it. */
const OPEN = `
import { openImageSession } from './src/engine/shared/sessions.ts';
const manifest = { image: { size: 16 }, embedding_dim: 8 };
const bundle = { manifest, precision: 'fp16', files: { image: 'test/fixtures/half/image.onnx' } };
const session = await openImageSession(bundle, 1);
console.log((await session.run(new Uint8Array(16 * 16 * 3), 1)).length);
`;

describe('graphs in half precision on a CPU', () => {
  it('open where freed memory is overwritten', { skip: process.platform !== 'linux' && 'needs glibc' }, () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', OPEN],
      { cwd: ROOT, env: { ...process.env, MALLOC_PERTURB_: '90' }, encoding: 'utf8', timeout: 60_000 },
    );
    assert.deepEqual({ status, stdout }, { status: 0, stdout: '8\n' }, stderr);
  });
});
