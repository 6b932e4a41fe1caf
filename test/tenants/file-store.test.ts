import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FileStore } from '../../src/tenants/file-store.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { record } from '../helpers/store-contract.ts';

const OWN = new Set(['deleted_at', 'previous', 'cancelled', 'source', 'imported', '__proto__']);
const never = { onDamaged: () => assert.fail('nothing is damaged') };

describe('tenants in a directory', () => {
  it('a file that is not a tenant is reported and stays, its tenant cannot be changed, and the others serve', async (t) => {
    const dir = await temporaryDirectory(t);
    await mkdir(join(dir, 'tenants'), { recursive: true });
    const damaged: string[] = [];
    const store = await FileStore.open(dir, { onDamaged: (file) => damaged.push(file) });
    await store.write(record('good'), 0);
    const contents = {
      cut: '{"id":"cut","vers',
      other: JSON.stringify(record('good')),
      shape: JSON.stringify({ ...record('shape'), definition: { classes: [] } }),
    };
    for (const [id, text] of Object.entries(contents)) await writeFile(join(dir, 'tenants', `${id}.json`), text);
    assert.deepEqual(
      (await store.list()).map((r) => r.id),
      ['good'],
    );
    assert.equal(damaged.length, 3);
    assert.equal(await store.seed(record('cut')), false);
    for (const [id, text] of Object.entries(contents)) {
      await assert.rejects(store.write(record(id), 0), { code: 'tenant_damaged' });
      assert.equal(await readFile(join(dir, 'tenants', `${id}.json`), 'utf8'), text, 'nothing is changed or renamed');
    }
  });

  it('fields that a newer program wrote survive every write of this one', async (t) => {
    const dir = await temporaryDirectory(t);
    const store = await FileStore.open(dir, never);
    const names = fc.stringMatching(/^[a-z_]{1,12}$/).filter((n) => !(n in record('zoo')) && !OWN.has(n));
    await fc.assert(
      fc.asyncProperty(fc.dictionary(names, fc.jsonValue(), { minKeys: 1, maxKeys: 4 }), async (unknown) => {
        const file = join(dir, 'tenants', 'zoo.json');
        const definition = { ...record('zoo').definition, since_two: true };
        await writeFile(file, JSON.stringify({ ...record('zoo'), definition, ...unknown }));
        const read = await store.get('zoo');
        assert.ok(read && 'definition' in read && 'since_two' in read.definition);
        await store.write({ ...record('zoo'), version: 2 }, 1);
        const content = async () => JSON.parse(await readFile(file, 'utf8'));
        assert.deepEqual(await content(), JSON.parse(JSON.stringify({ ...record('zoo'), ...unknown, version: 2 })));
        const removed = { id: 'zoo', version: 3, deleted_at: '2026-01-01T00:00:00.000Z' };
        await store.write(removed, 2);
        assert.deepEqual(await content(), removed, 'a removed tenant leaves nothing behind');
        await store.write({ ...record('zoo'), version: 4 }, 3);
        assert.deepEqual(await content(), JSON.parse(JSON.stringify({ ...record('zoo'), version: 4 })));
      }),
      { numRuns: 25 },
    );
  });

  it('leftovers of an interrupted write are removed', async (t) => {
    const dir = await temporaryDirectory(t);
    await mkdir(join(dir, 'tenants'), { recursive: true });
    await writeFile(join(dir, 'tenants', '.zoo.json.0123456789ab.tmp'), '{"half');
    assert.deepEqual(await (await FileStore.open(dir, never)).list(), []);
    assert.equal((await readdir(join(dir, 'tenants'))).length, 1, 'a process without the lock removes nothing');
    const store = await FileStore.open(dir, { ...never, exclusive: true });
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
