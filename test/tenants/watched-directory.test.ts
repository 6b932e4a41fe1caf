import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { WatchedDirectory } from '../../src/tenants/files/watched-directory.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { until } from '../helpers/service.ts';
import { fakeRegistry, type MemoryStore } from '../helpers/tenants.ts';

async function watched(t: TestContext, directory: string, store?: MemoryStore) {
  const { registry, ...fakes } = fakeRegistry({ watchesFiles: true, ...(store ? { store } : {}) });
  await registry.load();
  await registry.start();
  const log: string[] = [];
  const options = { directory, registry, pollMs: 100, settleMs: 20 };
  const files = new WatchedDirectory({ ...options, log: (_l, m, d) => log.push(`${m} ${JSON.stringify(d)}`) });
  t.after(async () => {
    await files.stop();
    await registry.stop();
  });
  const classesOf = (id: string) => {
    try {
      return registry.get(id).record.definition.classes.join();
    } catch {
      return undefined;
    }
  };
  const becomes = (id: string, classes: string | undefined) =>
    until(`${id} is ${classes}`, 5000, () => classesOf(id) === classes);
  return { registry, files, log, classesOf, becomes, ...fakes };
}

describe('a watched directory of tenant files', () => {
  it('a watched directory creates, changes and removes tenants, from YAML and JSON, one or several in a file, in folders', async (t) => {
    const dir = await temporaryDirectory(t);
    await writeFile(
      join(dir, 'zoo.yaml'),
      'classes:\n  - dog\n  - name: cat\n    aliases: [puss, Katze]\nmethod: atd\n',
    );
    await writeFile(join(dir, 'car.json'), '{"classes": ["car", "bus"]}');
    await mkdir(join(dir, 'team'));
    await writeFile(
      join(dir, 'team/two.yml'),
      'tenant: one\nclasses: [a]\n---\ntenant: two\nclasses: [no, yes]\n---\n',
    );
    await writeFile(join(dir, 'README.md'), 'not a tenant');
    await mkdir(join(dir, '.git'));
    await writeFile(join(dir, '.git/x.yaml'), 'classes: [hidden]');
    const { files, registry, becomes, classesOf } = await watched(t, dir);
    await files.start();
    const all = registry.list({ limit: 10, source: 'file' }).tenants.map(({ record }) => [record.id, record.source]);
    assert.deepEqual(all, [
      ['car', 'car.json'],
      ['one', 'team/two.yml'],
      ['two', 'team/two.yml'],
      ['zoo', 'zoo.yaml'],
    ]);
    assert.equal(classesOf('two'), 'no,yes', 'words stay words');
    assert.deepEqual(registry.get('zoo').record.definition, {
      classes: ['dog', { name: 'cat', aliases: ['puss', 'Katze'] }],
      method: 'atd',
    });
    await writeFile(join(dir, 'car.json'), '{"classes": ["truck"]}');
    await becomes('car', 'truck');
    assert.equal(registry.get('car').record.version, 2);
    await writeFile(join(dir, 'team/two.yml'), 'tenant: one\nclasses: [a]\n');
    await becomes('two', undefined);
    await unlink(join(dir, 'zoo.yaml'));
    await becomes('zoo', undefined);
    assert.equal(classesOf('one'), 'a');
  });

  it('a mounted ConfigMap is followed: all its files are links into ..data, which is swapped at once', async (t) => {
    const dir = await temporaryDirectory(t);
    const state = async (name: string, files: Record<string, string>) => {
      await mkdir(join(dir, name));
      for (const [file, text] of Object.entries(files)) await writeFile(join(dir, name, file), text);
      await symlink(name, join(dir, '..data_tmp'));
      await rename(join(dir, '..data_tmp'), join(dir, '..data'));
    };
    await state('..2026_1', { 'zoo.yaml': 'classes: [dog]', 'car.yaml': 'classes: [car]' });
    for (const file of ['zoo.yaml', 'car.yaml']) await symlink(join('..data', file), join(dir, file));
    const { files, becomes, registry } = await watched(t, dir);
    await files.start();
    await becomes('zoo', 'dog');
    // same size, same name: only the link has turned
    await state('..2026_2', { 'zoo.yaml': 'classes: [cat]', 'car.yaml': 'classes: [car]' });
    await rm(join(dir, '..2026_1'), { recursive: true });
    await becomes('zoo', 'cat');
    assert.equal(registry.get('car').record.version, 1, 'what has not changed is not touched');
    await state('..2026_3', { 'zoo.yaml': 'classes: [cat]' });
    await unlink(join(dir, 'car.yaml'));
    await becomes('car', undefined);
  });

  it('a fault in one tenant file is reported, changes nothing, and does not affect the others', async (t) => {
    const dir = await temporaryDirectory(t);
    await writeFile(join(dir, 'good.yaml'), 'classes: [dog]');
    await writeFile(join(dir, 'was-good.yaml'), 'classes: [cat]');
    const { files, becomes, classesOf, log, registry } = await watched(t, dir);
    await files.start();
    await writeFile(join(dir, 'was-good.yaml'), 'classes: [cat');
    await writeFile(join(dir, 'number.yaml'), 'classes: [7, dog]');
    await writeFile(join(dir, 'Upper.yaml'), 'classes: [dog]');
    await writeFile(join(dir, 'twice.yaml'), 'tenant: good\nclasses: [bird]');
    await writeFile(join(dir, 'typo.yaml'), 'classes: [dog]\nmetod: atd');
    await writeFile(join(dir, 'empty-name.yaml'), 'classes: ["dog", " "]');
    await writeFile(
      join(dir, 'bomb.yaml'),
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'.replace(
        /./g,
        (c) =>
          `${c}: &${c} [${Array(9)
            .fill(`*${String.fromCharCode(c.charCodeAt(0) - 1)}`)
            .join()}]\n`,
      )}classes: *h`,
    );
    await symlink('nowhere', join(dir, 'broken.yaml'));
    await writeFile(join(dir, 'new.yaml'), 'classes: [fish]');
    await becomes('new', 'fish');
    await until('all faults are seen', 5000, () => files.status.files.filter((f) => f.state === 'error').length === 8);
    const errors = Object.fromEntries(files.status.files.map((f) => [f.file, f.error]));
    assert.match(errors['was-good.yaml'] ?? '', /line 1/);
    assert.match(errors['number.yaml'] ?? '', /\/classes\/0 must be text \(quote numbers\)/);
    assert.match(errors['Upper.yaml'] ?? '', /lower-case/);
    assert.match(errors['twice.yaml'] ?? '', /"good" is in good.yaml already/);
    assert.match(errors['typo.yaml'] ?? '', /"metod"/);
    assert.match(errors['empty-name.yaml'] ?? '', /\/classes\/1/);
    assert.match(errors['bomb.yaml'] ?? '', /alias/i);
    assert.match(errors['broken.yaml'] ?? '', /ENOENT/);
    assert.deepEqual([errors['good.yaml'], errors['new.yaml']], [undefined, undefined]);
    assert.deepEqual([classesOf('good'), classesOf('was-good')], ['dog', 'cat'], 'what was said before stays');
    await files.look();
    await files.look();
    assert.equal(registry.resolve('was-good').version, 1);
    assert.equal(log.filter((line) => line.includes('number.yaml')).length, 1, 'told once');
    await writeFile(join(dir, 'was-good.yaml'), 'classes: [lion]');
    await becomes('was-good', 'lion');
  });

  it('a tenant of a watched directory is read-only by the API, with its own error code; other tenants are not', async (t) => {
    const dir = await temporaryDirectory(t);
    await writeFile(join(dir, 'zoo.yaml'), 'classes: [dog]');
    const { files, registry, becomes } = await watched(t, dir);
    await registry.put('zoo', { classes: ['mine'] }, { waitMs: 0 });
    await files.start();
    await becomes('zoo', 'dog');
    const code = { code: 'tenant_read_only' };
    await assert.rejects(registry.put('zoo', { classes: ['x'] }, { waitMs: 0 }), code);
    await assert.rejects(registry.delete('zoo'), code);
    await assert.rejects(registry.rollBack('zoo', { waitMs: 0 }), code);
    await registry.put('other', { classes: ['x'] }, { waitMs: 0 });
    await registry.delete('other');
  });

  it('the watched directory applies changes from the time it did not run; an empty or missing directory removes nothing', async (t) => {
    const dir = await temporaryDirectory(t);
    for (const id of ['a', 'b']) await writeFile(join(dir, `${id}.yaml`), `classes: [${id}]`);
    const first = await watched(t, dir);
    await first.files.start();
    await first.files.stop();
    await first.registry.stop();
    await unlink(join(dir, 'b.yaml'));
    const second = await watched(t, dir, first.store);
    await second.files.start();
    assert.deepEqual([second.classesOf('a'), second.classesOf('b')], ['a', undefined]);
    await unlink(join(dir, 'a.yaml'));
    await until('it is noticed', 5000, () => /nothing is removed/.test(second.files.status.error ?? ''));
    await rm(dir, { recursive: true });
    await until('it is noticed', 5000, () => /ENOENT/.test(second.files.status.error ?? ''));
    for (let i = 0; i < 3; i++) await second.files.look();
    assert.equal(second.classesOf('a'), 'a');
    await mkdir(dir);
    await writeFile(join(dir, 'a.yaml'), 'classes: [again]');
    await second.becomes('a', 'again');
  });

  it('a watched directory tries again after the store was unreachable', async (t) => {
    const dir = await temporaryDirectory(t);
    const { files, store, becomes, classesOf } = await watched(t, dir);
    const { ServiceError } = await import('../../src/errors/index.ts');
    store.failure = new ServiceError('store_unavailable', 'The database cannot be reached.');
    await writeFile(join(dir, 'zoo.yaml'), 'classes: [dog]');
    await files.start();
    assert.equal(classesOf('zoo'), undefined);
    assert.match(files.status.files[0]?.error ?? '', /cannot be reached/);
    store.failure = undefined;
    await becomes('zoo', 'dog');
    await until('and is no fault any more', 2000, () => files.status.files[0]?.state === 'applied');
  });
});
