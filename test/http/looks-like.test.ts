import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type TestApp, testApp } from '../helpers/app.ts';
import { until } from '../helpers/service.ts';

const WORDS = ['lamp', 'lamp post', 'bridge', 'cloud'];
const NEAR = [
  { index: 0, probability: 0.25 },
  { index: 1, probability: 0.2 },
  { index: 3, probability: 0.125 },
  { index: 2, probability: 0.001 },
];
const SHOWN = [
  { word: 'lamp', probability: 0.25 },
  { word: 'cloud', probability: 0.125 },
];

/** The app with a tenant that has negative labels, and an image that it refuses and one that it accepts. */
async function app(t: TestContext, negatives: { looks_like?: boolean } | undefined = {}, capture = false) {
  const parts = await testApp(t);
  const { registry, engine } = parts;
  if (capture) {
    const everything = { out: 1, uncertain: 1, disagreeing: 1, rest: 1 };
    await registry.put('demo', { classes: ['dog', 'cat'], capture: everything }, { waitMs: 1000 });
  }
  engine.near = NEAR;
  const resolve = registry.resolve.bind(registry);
  if (negatives) t.mock.method(registry, 'resolve', (id: string) => ({ ...resolve(id), negatives, words: WORDS }));
  const decided = new Map<string, string>();
  for (let i = 0; decided.size < 2; i++) {
    const { results } = (await detect(parts, `picture ${i}`)).json();
    if (!decided.has(results[0].decision)) decided.set(results[0].decision, `picture ${i}`);
  }
  engine.looked.length = 0;
  return { ...parts, out: decided.get('ood') as string, in: decided.get('id') as string };
}

const detect = ({ app }: Pick<TestApp, 'app'>, payload: string, query = '') =>
  app.inject({ method: 'POST', url: `/v1/detect${query}`, headers: { 'content-type': 'image/png' }, payload });

/** A verdict in JSON as it was sent. */
const verdictIn = (body: string) => /"results":\[(.*?)\],"(?:timing_ms|warnings)"/.exec(body)?.[1];

describe('looks_like in verdicts', () => {
  it('a refused image gets its words when asked, nothing else in the verdict changes, and an accepted image gets none', async (t) => {
    const parts = await app(t);
    const plain = verdictIn((await detect(parts, parts.out)).body);
    assert.equal(parts.engine.looked.length, 0, 'nothing is looked for');
    const explained = await detect(parts, parts.out, '?explain=true');
    const [verdict] = explained.json().results;
    assert.deepEqual(verdict.looks_like, SHOWN);
    assert.equal(parts.engine.looked[0]?.embedding.length, 2);
    const { looks_like: _, ...rest } = verdict;
    assert.equal(JSON.stringify(rest), plain);
    assert.equal('warnings' in explained.json(), false);
    const accepted = [await detect(parts, parts.in), await detect(parts, parts.in, '?explain=true')];
    assert.equal(verdictIn(accepted[1]?.body as string), verdictIn(accepted[0]?.body as string));
    assert.equal((await detect(parts, parts.out, '?explain=perhaps')).json().code, 'invalid_request');
  });

  it('the rule that decides the request decides whether the image is refused', async (t) => {
    const parts = await app(t);
    for (const method of ['ctw', 'atd', 'atd-rescaled'])
      for (let i = 0; i < 10; i++) {
        const [verdict] = (await detect(parts, `other ${i}`, `?explain=true&method=${method}`)).json().results;
        assert.equal('looks_like' in verdict, verdict.decision === 'ood', `${method} ${i}`);
      }
  });

  it('an image that looks like no word has an empty list', async (t) => {
    const parts = await app(t);
    parts.engine.near = [{ index: 2, probability: 0.001 }];
    const [verdict] = (await detect(parts, parts.out, '?explain=true')).json().results;
    assert.deepEqual(verdict.looks_like, []);
  });

  it('a tenant without negative labels gets its verdict, and a warning that says how to get words', async (t) => {
    const parts = await testApp(t);
    const plain = await detect(parts, 'picture');
    const explained = await detect(parts, 'picture', '?explain=true');
    assert.equal(verdictIn(explained.body), verdictIn(plain.body));
    assert.equal('warnings' in plain.json(), false);
    const [warning] = explained.json().warnings;
    assert.equal(warning.code, 'no_negatives');
    assert.match(warning.message, /tenant "demo" has no negative labels: add "negatives": \{\}/);
  });
});

describe('counts of the words of refused images', () => {
  const report = async ({ app }: Pick<TestApp, 'app'>) => (await app.inject('/v1/tenants/demo/looks-like')).json();

  it('is counted for tenants that ask for it, under the nearest word', async (t) => {
    const parts = await app(t, { looks_like: true });
    await detect(parts, parts.out);
    await detect(parts, parts.in);
    await until('an image is counted', 5000, async () => (await report(parts)).days[0]?.looked_at > 0);
    const { days, ...rest } = await report(parts);
    assert.deepEqual(rest, { tenant: 'demo', tenant_version: 1, counted: true });
    const [{ refused, looked_at: lookedAt, no_word: noWord, words, day }] = days;
    assert.match(day, /^\d{4}-\d{2}-\d{2}$/);
    assert.ok(refused >= lookedAt && lookedAt > 0, `${refused} ${lookedAt}`);
    assert.deepEqual([noWord, words], [0, [{ word: 'lamp', images: lookedAt, at_least: lookedAt }]]);
    assert.equal((await parts.app.inject('/v1/tenants/nobody/looks-like')).json().code, 'tenant_not_found');
    assert.doesNotMatch((await parts.app.inject('/metrics')).body, /lamp/);
  });

  it('is not counted for others, and their images are not looked at', async (t) => {
    const parts = await app(t);
    await detect(parts, parts.out);
    assert.deepEqual(await report(parts), { tenant: 'demo', tenant_version: 1, counted: false, days: [] });
    assert.equal(parts.engine.looked.length, 0);
  });
});

describe('looks_like of kept images', () => {
  const kept = async ({ app }: Pick<TestApp, 'app'>, decision: string) =>
    (await app.inject(`/v1/tenants/demo/captures?decision=${decision}`)).json().images;

  it('a refused image that is kept has its words, an accepted one has none', async (t) => {
    const parts = await app(t, {}, true);
    await parts.capture.capture.idle();
    const [refused] = await kept(parts, 'ood');
    assert.deepEqual(refused.verdict.looks_like, SHOWN);
    const [accepted] = await kept(parts, 'id');
    assert.equal('looks_like' in accepted.verdict, false);
  });

  it('is kept without words where they cannot be found', async (t) => {
    const parts = await app(t, {}, true);
    parts.engine.look = () => Promise.reject(new Error('the engine ended'));
    const before = (await kept(parts, 'ood')).length;
    for (let i = 0; i < 10; i++) await detect(parts, `new ${i}`);
    await parts.capture.capture.idle();
    const images = await kept(parts, 'ood');
    assert.ok(images.length > before);
    assert.ok(images.some(({ verdict }: { verdict: object }) => !('looks_like' in verdict)));
  });
});
