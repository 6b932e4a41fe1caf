import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FileKeyStore } from '../../src/access/index.ts';
import { keyRecord } from '../helpers/access.ts';
import { keyStoreContract } from '../helpers/access-contract.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

keyStoreContract('the directory', async (t) => {
  const dir = await temporaryDirectory(t);
  return () => FileKeyStore.open(dir);
});

it('keys are read from a mounted folder of links, and writing into a read-only one is refused', async (t) => {
  const dir = await temporaryDirectory(t);
  const store = await FileKeyStore.open(dir);
  const keys = join(dir, 'access', 'keys');
  const key = keyRecord();
  // as Kubernetes mounts a secret
  await mkdir(join(keys, '..2026_01_01'));
  await writeFile(join(keys, '..2026_01_01', `${key.id}.json`), JSON.stringify(key));
  await symlink('..2026_01_01', join(keys, '..data'));
  await symlink(`..data/${key.id}.json`, join(keys, `${key.id}.json`));
  assert.deepEqual(await store.list(), { keys: [key], damaged: [] });
  if (process.getuid?.() === 0) return; // root may write everywhere
  await chmod(keys, 0o500);
  await assert.rejects(store.revoke(key.id, '2026-01-01T00:00:00.000Z'), { code: 'store_unavailable' });
  await chmod(keys, 0o700);
});

describe('damaged key files', () => {
  it('damaged key files are reported and left in place, and the others are read', async (t) => {
    const dir = await temporaryDirectory(t);
    const store = await FileKeyStore.open(dir);
    const keys = join(dir, 'access', 'keys');
    const good = keyRecord();
    await store.add(good);
    const renamed = keyRecord();
    const bad: Record<string, string> = {
      'half.json': JSON.stringify(good).slice(0, 60),
      'empty.json': '',
      'scope.json': JSON.stringify(keyRecord({ scopes: ['root'] })),
      'extra.json': JSON.stringify({ ...keyRecord(), admin: true }),
      'other.json': JSON.stringify(renamed),
    };
    for (const [name, text] of Object.entries(bad)) await writeFile(join(keys, name), text);
    await mkdir(join(keys, 'folder.json'));
    await writeFile(join(keys, `.${good.id}.json.abc.tmp`), 'half');
    const { keys: read, damaged } = await store.list();
    assert.deepEqual(read, [good]);
    assert.equal(damaged.length, 6);
    for (const { source, reason } of damaged) {
      assert.ok(source.startsWith(keys));
      assert.ok(reason.length > 3);
    }
    assert.equal((await readdir(keys)).length, 8);
    assert.equal(await store.revoke('0123456789', '2026-01-01T00:00:00.000Z'), undefined);
  });
});
