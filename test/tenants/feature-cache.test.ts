import assert from 'node:assert/strict';
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FileFeatureCache } from '../../src/tenants/feature-cache.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

const WIDTH = 3;
const key = { tower: 'yes' as const, templates: ['a {}'] };
const rows = Float32Array.of(1, 2, 3, 4, 5, 6);

async function open(dir: string, t: TestContext, bundleId = 'm@1+abc', events: string[] = []) {
  const cache = await FileFeatureCache.open(dir, { bundleId, width: WIDTH, onEvent: (e) => events.push(e) });
  t.after(() => cache.close());
  return cache;
}
const fileOf = async (dir: string) => join(dir, 'features', (await readdir(join(dir, 'features')))[0] as string);

describe('feature cache', () => {
  it('gives back what was put, after a restart too, and counts hits and misses', async (t) => {
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

  it('a feature belongs to its bundle, tower, templates and name to the letter', async (t) => {
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

  it('a tail cut by a crash costs that row only, and what is written next is whole', async (t) => {
    const dir = await temporaryDirectory(t);
    const cache = await open(dir, t);
    await cache.put(key, ['dog', 'cat'], rows);
    const file = await fileOf(dir);
    const whole = await readFile(file);
    for (let cut = 1; cut < whole.length; cut++) {
      await writeFile(file, whole.subarray(0, whole.length - cut));
      const next = await FileFeatureCache.open(dir, { bundleId: 'm@1+abc', width: WIDTH });
      await next.put(key, ['bird'], Float32Array.of(7, 8, 9));
      await next.put(key, ['cat'], Float32Array.of(4, 5, 6));
      const got = await next.get(key, ['bird', 'cat']);
      assert.deepEqual(got, [Float32Array.of(7, 8, 9), Float32Array.of(4, 5, 6)], `cut by ${cut}`);
      await next.close();
    }
  });

  it('a flipped bit is noticed: the row is computed again, never served', async (t) => {
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
  });

  it('puts side by side do not mix, and nothing is stored twice', async (t) => {
    const dir = await temporaryDirectory(t);
    const cache = await open(dir, t);
    const names = Array.from({ length: 200 }, (_, i) => `class ${i}`);
    await Promise.all(names.map((name, i) => cache.put(key, [name], Float32Array.of(i, i, i))));
    await cache.put(key, names, new Float32Array(600));
    const got = await cache.get(key, names);
    assert.ok(got.every((row, i) => row?.[0] === i));
    assert.equal((await readFile(await fileOf(dir))).length, 200 * (20 + 4 * WIDTH));
  });

  it('foreign bytes behind whole rows are cut off', async (t) => {
    const dir = await temporaryDirectory(t);
    const cache = await open(dir, t);
    await cache.put(key, ['dog', 'cat'], rows);
    await appendFile(await fileOf(dir), 'xx');
    const again = await open(dir, t);
    assert.equal(again.size, 2);
    assert.equal((await readFile(await fileOf(dir))).length, 2 * (20 + 4 * WIDTH));
  });
});
