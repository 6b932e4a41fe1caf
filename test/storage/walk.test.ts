import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type LeftOut, walk } from '../../src/storage/walk.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

async function walked(root: string, inside = '') {
  const files: string[] = [];
  const left: Record<string, LeftOut> = {};
  const onLeftOut = (path: string, reason: LeftOut) => {
    left[path] = reason;
  };
  for await (const file of walk(root, { wanted: (name) => name.endsWith('.x'), onLeftOut }, inside)) files.push(file);
  return { files, left };
}

describe('the walk through a folder', () => {
  it('many links to each of many folders do not multiply the walk: every folder is read once', async (t) => {
    const dir = await temporaryDirectory(t);
    // 2^16 paths lead to the last folder
    for (let i = 0; i < 16; i++) {
      await mkdir(join(dir, 'store', `${i}`), { recursive: true });
      await writeFile(join(dir, 'store', `${i}`, 'file.x'), '');
      if (i === 0) continue;
      for (const name of ['a', 'b']) await symlink(join(dir, 'store', `${i}`), join(dir, 'store', `${i - 1}`, name));
    }
    const { files, left } = await walked(join(dir, 'store', '0'));
    assert.equal(files.length, 16);
    assert.equal(Object.values(left).filter((reason) => reason === 'folder_seen_before').length, 15);
  });

  it('a link from a class folder to the folder above it adds nothing', async (t) => {
    const dir = await temporaryDirectory(t);
    for (const name of ['cat', 'dog']) {
      await mkdir(join(dir, name));
      await writeFile(join(dir, name, `${name}.x`), '');
    }
    await symlink('..', join(dir, 'cat', 'up'));
    assert.deepEqual(await walked(dir, 'cat/'), { files: ['cat/cat.x'], left: { 'cat/up': 'link_to_folder_above' } });
  });
});
