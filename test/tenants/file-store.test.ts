import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FileStore } from '../../src/tenants/file-store.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { record } from '../helpers/store-contract.ts';

const never = { onDamaged: () => assert.fail('nothing is damaged') };

describe('tenants in a directory', () => {
  it('a damaged tenant file is renamed and reported, and the others serve', async (t) => {
    const dir = await temporaryDirectory(t);
    await mkdir(join(dir, 'tenants'), { recursive: true });
    const damaged: string[] = [];
    const store = await FileStore.open(dir, { onDamaged: (file) => damaged.push(file) });
    await store.write(record('good'), 0);
    await writeFile(join(dir, 'tenants', 'cut.json'), '{"id":"cut","vers');
    await writeFile(join(dir, 'tenants', 'other.json'), JSON.stringify(record('good')));
    await writeFile(
      join(dir, 'tenants', 'shape.json'),
      JSON.stringify({ ...record('shape'), definition: { classes: [] } }),
    );
    assert.deepEqual(
      (await store.list()).map((r) => r.id),
      ['good'],
    );
    assert.equal(damaged.length, 3);
    const names = await readdir(join(dir, 'tenants'));
    assert.ok(
      ['cut', 'other', 'shape'].every((n) => names.includes(`${n}.json.damaged`)),
      'nothing is thrown away',
    );
  });

  it('leftovers of an interrupted write are removed', async (t) => {
    const dir = await temporaryDirectory(t);
    await mkdir(join(dir, 'tenants'), { recursive: true });
    await writeFile(join(dir, 'tenants', '.zoo.json.0123456789ab.tmp'), '{"half');
    const store = await FileStore.open(dir, never);
    assert.deepEqual(await store.list(), []);
    assert.deepEqual(await readdir(join(dir, 'tenants')), []);
  });

  it('no tenant id leads outside the directory', async (t) => {
    const dir = await temporaryDirectory(t);
    const store = await FileStore.open(dir, never);
    await writeFile(join(dir, 'secret.json'), JSON.stringify(record('secret')));
    for (const id of ['../secret', '..', '/etc/passwd', 'a/b', 'A', '']) assert.equal(await store.get(id), undefined);
    assert.match(await readFile(join(dir, 'secret.json'), 'utf8'), /secret/);
  });
});
