import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { closeness, mine, PUBLISHED_LIMIT } from '../../src/clipn/index.ts';
import type { Head } from '../../src/engine/index.ts';
import { makeHead } from '../../src/tenants/features.ts';
import { FileFeatureCache } from '../../src/tenants/file-feature-cache.ts';
import { ALONE, type BuildLeases } from '../../src/tenants/leases.ts';
import { MemoryFeatureCache } from '../../src/tenants/memory-feature-cache.ts';
import { openWordList } from '../../src/tenants/negatives/list.ts';
import { negativeWords } from '../../src/tenants/negatives/open-words.ts';
import type { RegistryOptions } from '../../src/tenants/registry.ts';
import { until } from '../helpers/service.ts';
import { fakeRegistry } from '../helpers/tenants.ts';
import { SMALL_LIST, writeWordList } from '../helpers/words.ts';
import { MadeFeatures, madeRow, WIDTH } from './made-features.ts';

const FOLDER = writeWordList(SMALL_LIST);
const TEMPLATES = { yes: ['a {}', 'the {}'], no: null };
const { nouns, adjectives } = SMALL_LIST;
const WORDS = nouns.length + 2 * adjectives.length;

interface Parts {
  builder?: MadeFeatures;
  cache?: RegistryOptions['cache'];
  leases?: BuildLeases;
  folder?: string;
}

/** A registry whose features follow from the texts, with the small word list. */
async function registryWith(t: TestContext, { builder = new MadeFeatures(), leases = ALONE, ...parts }: Parts = {}) {
  const cache = parts.cache ?? new MemoryFeatureCache(WIDTH);
  const list = await openWordList(pathToFileURL(join(parts.folder ?? FOLDER, '/')));
  const bundle = {
    ...fakeRegistry().model.bundle,
    embeddingDim: WIDTH,
    imageDirections: undefined,
    templates: TEMPLATES,
  };
  const words = negativeWords({ list, bundle, sources: { cache, builder, width: WIDTH }, leases });
  t.after(() => words?.miner.stop());
  const fake = fakeRegistry({ cache, features: builder, bundle, words, leases });
  return { ...fake, builder, cache, words: words as NonNullable<typeof words> };
}

const wait = { waitMs: 20_000 };
const headOf = ({ registry, heads }: Awaited<ReturnType<typeof registryWith>>, id: string) =>
  heads.heads.get(registry.resolve(id).headId) as Head;

describe('tenants with negative labels', () => {
  it('a tenant is ready when all words are encoded and its labels are mined as the paper says, without related words', async (t) => {
    const parts = await registryWith(t);
    const { view } = await parts.registry.put(
      'a',
      { classes: ['poodle', 'violin'], negatives: { labels: 6, pool: true } },
      wait,
    );
    assert.equal(view.state, 'ready');
    const texts = 2 * 2 * 2 + 2 * (WORDS - adjectives.length) + adjectives.length;
    assert.deepEqual([view.progress.done, view.progress.total], [texts, texts]);
    const { negatives, yes } = headOf(parts, 'a');
    assert.ok(negatives);
    // the rows of the cache: nouns and pool through the templates of the bundle, adjectives through their own
    const list = await (await openWordList(pathToFileURL(join(FOLDER, '/')))).words();
    const rows = Float32Array.from(list.flatMap((word) => [...madeRow('yes', word)]));
    assert.deepEqual(await negatives.words.rows(0, negatives.words.count), rows);
    // a poodle is a dog is an animal
    const excluded = new Set([0, 1, 2, list.indexOf('violin')]);
    const all = closeness(rows, yes, WIDTH, { quantile: 0.95, limit: PUBLISHED_LIMIT });
    const [a, b] = [nouns.length, nouns.length + adjectives.length];
    const choice = (from: number, to: number) =>
      mine(
        all,
        [
          { from: 0, to: a },
          { from, to },
        ],
        6,
        excluded,
      );
    assert.deepEqual(negatives.labels.neglabel, choice(a, b));
    assert.deepEqual(negatives.labels.csp, choice(b, list.length));
    assert.equal(negatives.labels.groups, 100);
  });

  it('tenants share the words: the second encodes its classes only, and the same definition mines nothing', async (t) => {
    const parts = await registryWith(t);
    const { registry, builder, words } = parts;
    await registry.put('a', { classes: ['dog', 'lamp'], negatives: {} }, wait);
    // their names are words of the list, so only their no features are new
    assert.equal(builder.built, WORDS + 2);
    let mined = 0;
    const { mine: real } = words.miner;
    t.mock.method(words.miner, 'mine', (...args: Parameters<typeof real>) => {
      mined++;
      return real.apply(words.miner, args);
    });
    await registry.put('b', { classes: ['dog', 'bread'], negatives: {} }, wait);
    assert.deepEqual([builder.built, mined], [WORDS + 3, 1]);
    await registry.put('c', { classes: ['dog', 'lamp'], negatives: {} }, wait);
    assert.deepEqual([builder.built, mined], [WORDS + 3, 1]);
    assert.deepEqual(headOf(parts, 'c').negatives?.labels, headOf(parts, 'a').negatives?.labels);
    assert.equal(headOf(parts, 'c').negatives?.words, headOf(parts, 'a').negatives?.words);
    // another number of labels is another choice
    await registry.put('c', { classes: ['dog', 'lamp'], negatives: { labels: 5 } }, wait);
    assert.deepEqual([mined, headOf(parts, 'c').negatives?.labels.neglabel.length], [2, 5]);
  });

  it('the choice survives a restart in the files of the cache, and a head that the engine lost is made from them', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'clipn-negatives-'));
    const open = () => FileFeatureCache.open(dir, { bundleId: 'b', width: WIDTH, maxBytes: 2 ** 30 });
    const first = await open();
    const before = await registryWith(t, { cache: first });
    await before.registry.put('a', { classes: ['dog', 'lamp'], negatives: {} }, wait);
    const labels = headOf(before, 'a').negatives?.labels;
    await first.close();
    const second = await open();
    t.after(() => second.close());
    const builder = new MadeFeatures();
    const after = await registryWith(t, { cache: second, builder });
    t.mock.method(after.words.miner, 'mine', () => assert.fail('nothing is mined'));
    await after.registry.put('a', { classes: ['dog', 'lamp'], negatives: {} }, wait);
    assert.equal(builder.built, 0);
    assert.deepEqual(headOf(after, 'a').negatives?.labels, labels);
    const loaded = await after.registry.loadHead(after.registry.resolve('a').headId);
    assert.deepEqual(loaded?.negatives?.labels, labels);
  });

  it('builds that wait for the words wait for one encoding; a cancelled one leaves it to the others', async (t) => {
    const builder = new MadeFeatures();
    let open = () => {};
    const held = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { build } = builder;
    t.mock.method(builder, 'build', async (...args: Parameters<typeof build>) => {
      await held;
      return build.apply(builder, args);
    });
    const { registry } = await registryWith(t, { builder });
    const now = { waitMs: 0 };
    for (const id of ['a', 'b', 'c', 'd', 'e']) await registry.put(id, { classes: ['dog'], negatives: {} }, now);
    const plain = registry.put('plain', { classes: ['cat'] }, wait);
    await registry.cancelBuild('a');
    open();
    assert.equal((await plain).view.state, 'ready', 'it needs no words, so it waits for none');
    await until('the others are ready', 20_000, () =>
      ['b', 'c', 'd', 'e'].every((id) => registry.get(id).state === 'ready'),
    );
    assert.equal(registry.get('a').state, 'cancelled');
    const own = 2 * 2;
    assert.ok(builder.built >= WORDS + own && builder.built <= WORDS + 4 * 2 + 2, `${builder.built} rows`);
  });

  it('one of the processes that share a cache encodes the words, and the others wait for it', async (t) => {
    const cache = new MemoryFeatureCache(WIDTH);
    const holders = new Set<string>();
    const leases: BuildLeases = {
      claim: async (key) => {
        if (holders.has(key)) return undefined;
        holders.add(key);
        return {
          ...((await ALONE.claim(key)) as never as object),
          release: async () => void holders.delete(key),
        } as never;
      },
      wait: async () => new Promise((resolve) => setImmediate(resolve)),
    };
    const builders = [new MadeFeatures(), new MadeFeatures()];
    const replicas = await Promise.all(builders.map((builder) => registryWith(t, { cache, builder, leases })));
    await Promise.all(replicas.map(({ words }) => words.features.prepare()));
    assert.deepEqual(
      builders.map(({ built }) => built).sort((x, y) => x - y),
      [0, WORDS],
    );
  });

  it('the order of classes does not change the labels', async (t) => {
    const parts = await registryWith(t);
    await parts.registry.put('a', { classes: ['dog', 'lamp'], negatives: {} }, wait);
    await parts.registry.put('b', { classes: ['lamp', 'dog'], negatives: {} }, wait);
    const [a, b] = ['a', 'b'].map((id) => headOf(parts, id).negatives?.labels);
    assert.deepEqual(a, b);
  });

  it('the digest of the pins follows settings and word list, and is absent without negative labels', async (t) => {
    const parts = await registryWith(t);
    const other = await registryWith(t, {
      folder: writeWordList({ nouns: [['lamp'], ['bread']], adjectives: ['red'] }),
    });
    const pinsWith = async ({ registry }: typeof parts, negatives: object | undefined) => {
      await registry.put('a', { classes: ['dog'], ...(negatives && { negatives }) }, wait);
      return registry.resolve('a').pins;
    };
    const plain = await pinsWith(parts, undefined);
    assert.ok(!('negatives' in plain));
    const first = await pinsWith(parts, {});
    assert.deepEqual({ ...first, negatives: undefined }, { ...plain, negatives: undefined });
    assert.deepEqual(await pinsWith(parts, { labels: 10_000, groups: 100, quantile: 0.95, pool: false }), first);
    for (const changed of [{ labels: 9 }, { groups: 3 }, { quantile: 0.5 }, { pool: true }])
      assert.notEqual((await pinsWith(parts, changed)).negatives, first.negatives, JSON.stringify(changed));
    assert.notEqual((await pinsWith(other, {})).negatives, first.negatives);
  });

  it('a word list of which nothing is left for a tenant fails its build with the reason', async (t) => {
    const { registry } = await registryWith(t, { folder: writeWordList({ nouns: [['dog']], adjectives: [] }) });
    const { view } = await registry.put('a', { classes: ['dog'], negatives: {} }, { waitMs: 3000 });
    assert.deepEqual(
      [view.state, view.failure],
      ['failed', 'No word of the word list is left as a negative label of these classes.'],
    );
  });

  it('a command that keeps nothing makes the same head', async (t) => {
    const { registry, words, heads } = await registryWith(t);
    await registry.put('a', { classes: ['dog', 'lamp'], negatives: {} }, wait);
    const sources = { cache: new MemoryFeatureCache(WIDTH), builder: new MadeFeatures(), width: WIDTH };
    const prompts = { yes: TEMPLATES.yes, no: TEMPLATES.yes };
    const head = await makeHead(sources, { classes: ['dog', 'lamp'], prompts, negatives: { settings: {}, words } });
    assert.deepEqual(head, heads.heads.get(registry.resolve('a').headId));
  });
});
