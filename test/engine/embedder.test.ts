import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { Embedder, type Encoded, type ImageJob } from '../../src/engine/image-process/embedder.ts';
import { EmbeddingCache } from '../../src/engine/image-process/embedding-cache.ts';
import { Lanes, type Outcome } from '../../src/engine/image-process/lanes/lanes.ts';
import { ServiceError } from '../../src/errors/index.ts';

/** A lane's answer for an image whose first byte is its feature. */
const encodedAs = ({ bytes }: ImageJob): Encoded => ({
  facts: { width: 3, height: 2, format: 'png', frames: 1, contested: false },
  others: [],
  features: [Float32Array.of(bytes[0] as number)],
  began: 0,
  decoded: 1,
  running: 2,
  seconds: 0.01,
});

/** An embedder whose only lane waits until it is let go; the feature of an image is its first byte. */
function setUp({ cacheBytes = 100_000 } = {}) {
  const decoded: number[] = [];
  const runs: { images: number[]; finish(): Promise<void>; fail(error: Error): void }[] = [];
  const run = (jobs: ImageJob[]) =>
    new Promise<Outcome<Encoded>[]>((resolve, reject) => {
      const finish = async () => {
        resolve(jobs.map((job) => ({ result: encodedAs(job) })));
        await tick();
      };
      const images = jobs.map(({ bytes }) => bytes[0] as number);
      decoded.push(...images);
      runs.push({ images, finish, fail: reject });
    });
  const lanes = new Lanes<ImageJob, Encoded>({ lanes: [{ maxBatch: 4, run }] });
  const embedder = new Embedder({
    encode: async (job, options) => (await lanes.submit(job, options)).result,
    cache: cacheBytes > 0 ? new EmbeddingCache(cacheBytes) : undefined,
  });
  const embed = async (image: number, { signal = new AbortController().signal, deadline = 1e12, key = 't' } = {}) => {
    const place = { key, priority: 'interactive' as const };
    const e = await embedder.embed({ bytes: Uint8Array.of(image), sha256: String(image), place, deadline, signal });
    return [e.embedding.feature[0], e.cache];
  };
  return { embed, decoded, runs };
}

describe('embedder', () => {
  it('an image is embedded once and cached from then on', async () => {
    const { embed, decoded, runs } = setUp();
    const first = embed(7);
    await tick();
    await runs[0]?.finish();
    assert.deepEqual(
      [await first, await embed(7), await embed(7)],
      [
        [7, 'miss'],
        [7, 'hit'],
        [7, 'hit'],
      ],
    );
    assert.deepEqual([decoded, runs.length], [[7], 1]);
  });

  it('an image that several requests send at the same time is embedded once', async () => {
    const { embed, decoded, runs } = setUp();
    const answers = [embed(1), embed(2), embed(1, { key: 'other' }), embed(1)];
    await tick();
    for (const run of runs) await run.finish();
    await runs.at(-1)?.finish();
    assert.deepEqual(await Promise.all(answers), [
      [1, 'miss'],
      [2, 'miss'],
      [1, 'joined'],
      [1, 'joined'],
    ]);
    assert.deepEqual(decoded, [1, 2]);
  });

  it("a request that is aborted does not end the others' embedding; the abort of the last one does", async () => {
    const { embed, runs } = setUp();
    const busy = embed(9);
    await tick();
    const [first, second, only] = [new AbortController(), new AbortController(), new AbortController()];
    const a = embed(1, { signal: first.signal });
    const b = embed(1, { signal: second.signal });
    const c = embed(2, { signal: only.signal });
    await tick();
    first.abort(new Error('first has left'));
    only.abort(new Error('only one has left'));
    await assert.rejects(a, /first has left/);
    await assert.rejects(c, /only one has left/);
    const again = embed(2);
    await tick();
    await runs[0]?.finish();
    assert.deepEqual(runs[1]?.images.sort(), [1, 2], 'image 2 begins again for the new request');
    await runs[1]?.finish();
    assert.deepEqual(
      [await busy, await b, await again],
      [
        [9, 'miss'],
        [1, 'joined'],
        [2, 'miss'],
      ],
    );
  });

  it('an image whose requests are all aborted never reaches the device', async () => {
    const { embed, runs } = setUp();
    const busy = embed(9);
    await tick();
    const leaving = new AbortController();
    const left = [embed(1, { signal: leaving.signal }), embed(1, { signal: leaving.signal })];
    await tick();
    leaving.abort(new Error('gone'));
    await Promise.all(left.map((l) => assert.rejects(l, /gone/)));
    await runs[0]?.finish();
    await busy;
    assert.equal(runs.length, 1);
  });

  it('a shared embedding has the latest deadline of the requests that wait for it', async () => {
    const { embed, runs } = setUp();
    const busy = embed(9);
    await tick();
    const past = embed(1, { deadline: 1 });
    const wanted = embed(2, { deadline: 1 });
    const alsoWanted = embed(2);
    const refused = assert.rejects(past, (e) => e instanceof ServiceError && e.code === 'deadline_exceeded');
    await tick();
    await runs[0]?.finish();
    await refused;
    assert.deepEqual(runs[1]?.images, [2]);
    await runs[1]?.finish();
    assert.deepEqual(await Promise.all([busy, wanted, alsoWanted]), [
      [9, 'miss'],
      [2, 'miss'],
      [2, 'joined'],
    ]);
  });

  it('an image that is turned by its tag and the same image as it is stored are cached apart', async () => {
    const asked: string[] = [];
    const embedder = new Embedder({
      encode: async (job) => {
        asked.push(job.orientation);
        return encodedAs(job);
      },
      cache: new EmbeddingCache(100_000),
    });
    const embed = async (orientation?: 'apply' | 'ignore') => {
      const place = { key: 't', priority: 'interactive' as const };
      const request = {
        bytes: Uint8Array.of(1),
        sha256: '1',
        place,
        deadline: 1e12,
        signal: new AbortController().signal,
      };
      return (await embedder.embed(orientation ? { ...request, orientation } : request)).cache;
    };
    assert.deepEqual(
      [await embed('apply'), await embed('ignore'), await embed(), await embed('ignore')],
      ['miss', 'miss', 'hit', 'hit'],
    );
    assert.deepEqual(asked, ['apply', 'ignore']);
  });

  it('a failed embedding is not cached', async () => {
    const { embed, runs } = setUp();
    const bad = embed(1);
    await tick();
    runs[0]?.fail(new Error('boom'));
    await assert.rejects(bad, /boom/);
    const good = embed(1);
    await tick();
    await runs[1]?.finish();
    assert.deepEqual(await good, [1, 'miss']);
  });

  it('the embedding cache is bounded in bytes and evicts the least recently used', async () => {
    const { embed, runs } = setUp({ cacheBytes: 1000 });
    for (const image of [1, 2, 3]) {
      const answer = embed(image);
      await tick();
      await runs.at(-1)?.finish();
      await answer;
      if (image === 2) assert.deepEqual(await embed(1), [1, 'hit']);
    }
    assert.deepEqual(await embed(1), [1, 'hit']);
    const forgotten = embed(2);
    await tick();
    await runs.at(-1)?.finish();
    assert.deepEqual(await forgotten, [2, 'miss']);
  });

  it('without a cache every image is decoded and embedded', async () => {
    const { embed, decoded, runs } = setUp({ cacheBytes: 0 });
    const answers = [embed(1), embed(1)];
    await tick();
    await runs[0]?.finish();
    await runs[1]?.finish();
    assert.deepEqual(await Promise.all(answers), [
      [1, 'off'],
      [1, 'off'],
    ]);
    assert.deepEqual(decoded, [1, 1]);
  });
});
