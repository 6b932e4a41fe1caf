import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reviewed, shaOf } from '../helpers/reviewed.ts';

describe('kept images over HTTP', () => {
  it('are listed with verdict and sampling, the newest first, in pages, filtered', async (t) => {
    const { send, get } = await reviewed(t);
    const names = Array.from({ length: 7 }, (_, i) => `picture ${i}`);
    await send('zoo', ...names);
    const all = (await get('zoo/captures?limit=1000')).json();
    assert.equal(all.total, 7);
    assert.equal(all.next, null);
    assert.deepEqual(all.results, { stored: 7 });
    assert.deepEqual(all.images.map((i: { sha256: string }) => i.sha256).sort(), names.map(shaOf).sort());
    const [first] = all.images;
    assert.equal(first.sampling.probability, 1);
    assert.match(first.request_id, /^id-of-picture-\d$/);
    assert.equal(first.verdict.model.version, '1.2.3');
    const paged: string[] = [];
    for (let after = ''; ; ) {
      const { images, next, total } = (await get(`zoo/captures?limit=3${after}`)).json();
      assert.equal(total, 7);
      paged.push(...images.map((i: { sha256: string }) => i.sha256));
      if (next === null) break;
      after = `&after=${encodeURIComponent(next)}`;
    }
    assert.deepEqual(
      paged,
      all.images.map((i: { sha256: string }) => i.sha256),
    );
    for (const [query, keep] of [
      ['decision=ood', (i: typeof first) => i.verdict.decision === 'ood'],
      ['decision=id&rule=atd', (i: typeof first) => i.verdict.decisions.atd === 'id'],
      ['class=dog', (i: typeof first) => i.verdict.prediction.class === 'dog'],
      ['reason=disagreeing', (i: typeof first) => i.reason === 'disagreeing'],
      ['since=2999-01-01', () => false],
      ['until=2999-01-01', () => true],
    ] as const) {
      const { images } = (await get(`zoo/captures?${query}`)).json();
      assert.deepEqual(images, all.images.filter(keep), query);
    }
  });

  it('are served unchanged, and a browser may not take them for anything but an image', async (t) => {
    const { send, get } = await reviewed(t);
    await send('zoo', 'picture');
    const { statusCode, headers, rawPayload } = await get(`zoo/captures/${shaOf('picture')}/image`);
    assert.equal(statusCode, 200);
    assert.equal(String(rawPayload), 'picture');
    assert.equal(headers['content-type'], 'image/png');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.match(String(headers['content-security-policy']), /sandbox/);
    assert.equal(headers['cache-control'], 'private, no-store');
  });

  it('are removed once their removal is answered, one or all, and so are those of a removed tenant', async (t) => {
    const { send, get, remove, admin, capture } = await reviewed(t);
    await send('zoo', 'a', 'b', 'c');
    assert.equal((await remove(`zoo/captures/${shaOf('a')}`)).statusCode, 204);
    assert.equal((await get(`zoo/captures/${shaOf('a')}/image`)).json().code, 'capture_not_found');
    assert.equal((await remove(`zoo/captures/${shaOf('a')}`)).json().code, 'capture_not_found');
    assert.equal(capture.objects.objects.size, 2);
    assert.deepEqual((await remove('zoo/captures')).json(), { removed: 2 });
    assert.equal(capture.objects.objects.size, 0);
    await send('zoo', 'd');
    assert.equal((await remove('zoo', admin)).statusCode, 204);
    assert.deepEqual([capture.objects.objects.size, await capture.kept.count('zoo')], [0, 0]);
  });

  it('of another tenant are never seen, not even by their SHA-256', async (t) => {
    const { send, get, remove, capture } = await reviewed(t);
    await send('zoo-2', 'secret');
    assert.equal((await get('zoo/captures')).json().total, 0);
    const sha = shaOf('secret');
    for (const path of [`zoo/captures/${sha}/image`, `zoo-2/captures/${sha}/image`]) {
      const { statusCode, body } = await get(path);
      assert.equal(statusCode, path.startsWith('zoo/') ? 404 : 403);
      assert.ok(!body.includes('secret'));
    }
    assert.equal((await remove(`zoo/captures/${sha}`)).statusCode, 404);
    assert.equal((await remove('zoo/captures')).json().removed, 0);
    assert.equal((await remove('zoo-2/captures')).statusCode, 403);
    assert.equal(capture.objects.objects.size, 1);
  });

  it('a store of images that fails harms no request, and is counted', async (t) => {
    const { app, admin, capture, get } = await reviewed(t);
    capture.objects.failure = new Error('no answer');
    const { statusCode } = await app.inject({
      method: 'POST',
      url: '/v1/detect?tenant=zoo',
      headers: { ...admin, 'content-type': 'image/png' },
      payload: Buffer.from('a'),
    });
    assert.equal(statusCode, 200);
    await capture.capture.idle();
    assert.deepEqual((await get('zoo/captures')).json().results, { failed: 1 });
  });
});
