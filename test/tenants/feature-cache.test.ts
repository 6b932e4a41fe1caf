import assert from 'node:assert/strict';
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FileFeatureCache } from '../../src/tenants/file-feature-cache.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

const WIDTH = 3;
const MAX = 2 ** 20;
const RECORD = 16 + 4 + 4 * WIDTH;
const key = { tower: 'yes' as const, templates: ['a {}'] };
const rows = Float32Array.of(1, 2, 3, 4, 5, 6);

async function open(dir: string, t: TestContext, bundleId = 'm@1+abc', events: string[] = []) {
  const cache = await FileFeatureCache.open(dir, {
    bundleId,
    width: WIDTH,
    maxBytes: MAX,
    onEvent: (e) => events.push(e),
  });
  t.after(() => cache.close());
  return cache;
}
const fileOf = async (dir: string) => join(dir, 'features', (await readdir(join(dir, 'features')))[0] as string);

describe('feature cache', () => {
  it('the feature cache does not return rows that are zero or not finite, so they are computed again', async (t) => {
    const cache = await open(await temporaryDirectory(t), t);
    await cache.put(key, ['nan', 'zero', 'good'], Float32Array.of(1, Number.NaN, 2, 0, 0, 0, 0, 1, 0));
    assert.deepEqual(await cache.get(key, ['nan', 'zero', 'good']), [undefined, undefined, Float32Array.of(0, 1, 0)]);
  });

  it('the feature cache returns stored rows, also after a restart, and counts hits and misses', async (t) => {
    const dir = await temporaryDirectory(t);
    const cache = await open(dir, t);
    await cache.put(key, ['dog', 'cat'], rows);
    const events: string[] = [];
    const again = await open(dir, t, 'm@1+abc', events);
    assert.deepEqual(await again.get(key, ['cat', 'bird', 'dog']), [
      Float32Array.of(4, 5, 6),
      undefined,
      Float32Array.of(1, 2, 3),
    ]);
    assert.deepEqual(events, ['hit', 'miss', 'hit']);
  });

  it('a feature belongs to its exact bundle, tower, templates and name', async (t) => {
    const dir = await temporaryDirectory(t);
    const cache = await open(dir, t);
    await cache.put(key, ['dog', 'cat'], rows);
    const none = async (c: FileFeatureCache, k: { tower: 'yes' | 'no'; templates: string[] }, name: string) =>
      assert.deepEqual(await c.get(k, [name]), [undefined]);
    await none(cache, { ...key, tower: 'no' }, 'dog');
    await none(cache, { ...key, templates: ['a {}.'] }, 'dog');
    await none(cache, { ...key, templates: ['a {}', 'a {}'] }, 'dog');
    await none(cache, key, 'Dog');
    await none(cache, key, 'dog ');
    await none(await open(dir, t, 'm@1+abd'), key, 'dog');
  });

  it('a record truncated by a crash costs that row only, and later writes are intact', async (t) => {
    const dir = await temporaryDirectory(t);
    const cache = await open(dir, t);
    await cache.put(key, ['dog', 'cat'], rows);
    const file = await fileOf(dir);
    const whole = await readFile(file);
    for (let cut = 1; cut < whole.length; cut++) {
      await writeFile(file, whole.subarray(0, whole.length - cut));
      const next = await FileFeatureCache.open(dir, { bundleId: 'm@1+abc', width: WIDTH, maxBytes: MAX });
      await next.put(key, ['bird'], Float32Array.of(7, 8, 9));
      await next.put(key, ['cat'], Float32Array.of(4, 5, 6));
      const got = await next.get(key, ['bird', 'cat']);
      assert.deepEqual(got, [Float32Array.of(7, 8, 9), Float32Array.of(4, 5, 6)], `cut by ${cut}`);
      await next.close();
    }
  });

  it('a flipped bit is detected: the row is computed again and never used', async (t) => {
    const dir = await temporaryDirectory(t);
    const cache = await open(dir, t);
    await cache.put(key, ['dog', 'cat'], rows);
    const file = await fileOf(dir);
    const bytes = await readFile(file);
    (bytes as Buffer)[22] = (bytes[22] as number) ^ 1;
    await writeFile(file, bytes);
    assert.deepEqual(await cache.get(key, ['dog', 'cat']), [undefined, Float32Array.of(4, 5, 6)]);
    const again = await open(dir, t);
    assert.equal(again.size, 1);
    assert.deepEqual(await cache.missing(key, ['dog', 'cat']), ['dog']);
    await cache.put(key, ['dog'], Float32Array.of(1, 2, 3));
    assert.deepEqual(await cache.get(key, ['dog']), [Float32Array.of(1, 2, 3)], 'and kept again');
    assert.equal((await open(dir, t)).size, 2);
  });

  it('an intact row of another class is not used', async (t) => {
    const dir = await temporaryDirectory(t);
    const cache = await open(dir, t);
    await cache.put(key, ['dog', 'cat'], rows);
    const file = await fileOf(dir);
    const bytes = await readFile(file);
    await writeFile(file, Buffer.concat([bytes.subarray(RECORD), bytes.subarray(0, RECORD)]));
    assert.deepEqual(await cache.get(key, ['dog', 'cat']), [undefined, undefined]);
    const again = await open(dir, t);
    assert.deepEqual(await again.get(key, ['dog', 'cat']), [Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)]);
  });

  it('the feature cache stays within its bytes and keeps the most recently used rows, also over restarts', async (t) => {
    const dir = await temporaryDirectory(t);
    const options = { bundleId: 'm@1+abc', width: WIDTH, maxBytes: 100 * RECORD };
    const cache = await FileFeatureCache.open(dir, options);
    t.after(() => cache.close());
    const name = (i: number) => `class ${i}`;
    for (let i = 0; i < 500; i++) {
      await cache.put(key, [name(i)], Float32Array.of(i, 0, 1));
      const [first] = await cache.get(key, [name(0)]);
      assert.deepEqual(first, Float32Array.of(0, 0, 1), `the one that is used is there after ${i}`);
      assert.ok((await readFile(await fileOf(dir))).length <= 101 * RECORD);
    }
    assert.deepEqual(await cache.missing(key, [name(1), name(499)]), [name(1)]);
    assert.deepEqual(await readdir(join(dir, 'features')), ['m@1+abc.rows'], 'nothing is left of the old file');
    const again = await FileFeatureCache.open(dir, options);
    t.after(() => again.close());
    assert.equal(again.size, cache.size);
    assert.deepEqual(await again.get(key, [name(0), name(499)]), [
      Float32Array.of(0, 0, 1),
      Float32Array.of(499, 0, 1),
    ]);
  });

  it('reads continue while the file is compacted', async (t) => {
    const dir = await temporaryDirectory(t);
    const cache = await FileFeatureCache.open(dir, { bundleId: 'm', width: WIDTH, maxBytes: 50 * RECORD });
    t.after(() => cache.close());
    const names = Array.from({ length: 30 }, (_, i) => `hot ${i}`);
    await cache.put(key, names, new Float32Array(90).fill(7));
    let reading = true;
    let reads = 0;
    const reader = (async () => {
      for (; reading; reads++) {
        for (const row of await cache.get(key, names)) if (row) assert.deepEqual(row, Float32Array.of(7, 7, 7));
      }
    })();
    for (let i = 0; i < 200; i++) await cache.put(key, [`cold ${i}`], Float32Array.of(i, i, 1));
    reading = false;
    await reader;
    assert.ok(reads > 10, `${reads}`);
  });

  it('caches of unused bundles are removed when there is no room, the one in use never', async (t) => {
    const dir = await temporaryDirectory(t);
    const options = { width: WIDTH, maxBytes: 10 * RECORD };
    const old = await FileFeatureCache.open(dir, { ...options, bundleId: 'old' });
    await old.put(
      key,
      Array.from({ length: 8 }, (_, i) => `c${i}`),
      new Float32Array(24),
    );
    await old.close();
    const used = await FileFeatureCache.open(dir, { ...options, bundleId: 'used' });
    await used.put(
      key,
      Array.from({ length: 8 }, (_, i) => `c${i}`),
      new Float32Array(24),
    );
    const next = await FileFeatureCache.open(dir, { ...options, bundleId: 'next' });
    assert.deepEqual((await readdir(join(dir, 'features'))).sort(), ['next.rows', 'used.rows']);
    await used.close();
    await next.close();
  });

  it('rows of an origin are used for that origin only', async (t) => {
    const cache = await open(await temporaryDirectory(t), t);
    await cache.put({ ...key, origin: 'x' }, ['dog', 'cat'], rows);
    assert.deepEqual(await cache.missing(key, ['dog']), ['dog']);
    assert.deepEqual(await cache.missing({ ...key, origin: 'y' }, ['dog']), ['dog']);
    assert.deepEqual(await cache.get({ ...key, origin: 'x' }, ['dog']), [Float32Array.of(1, 2, 3)]);
  });

  it('concurrent writes do not mix, and nothing is stored twice', async (t) => {
    const dir = await temporaryDirectory(t);
    const cache = await open(dir, t);
    const names = Array.from({ length: 200 }, (_, i) => `class ${i}`);
    await Promise.all(names.map((name, i) => cache.put(key, [name], Float32Array.of(i, i, 1))));
    await cache.put(key, names, new Float32Array(600));
    const got = await cache.get(key, names);
    assert.ok(got.every((row, i) => row?.[0] === i));
    assert.equal((await readFile(await fileOf(dir))).length, 200 * (20 + 4 * WIDTH));
  });

  it('foreign bytes after intact rows are truncated', async (t) => {
    const dir = await temporaryDirectory(t);
    const cache = await open(dir, t);
    await cache.put(key, ['dog', 'cat'], rows);
    await appendFile(await fileOf(dir), 'xx');
    const again = await open(dir, t);
    assert.equal(again.size, 2);
    assert.equal((await readFile(await fileOf(dir))).length, 2 * (20 + 4 * WIDTH));
  });
});
