import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reviewed, shaOf } from '../helpers/reviewed.ts';

const CLASSES = ['dog', 'cat', 'none'];

describe('labels over HTTP', () => {
  it('name an image by SHA-256 or by the id of its request, and a later label replaces an earlier one', async (t) => {
    const { send, label, get } = await reviewed(t, CLASSES);
    await send('zoo', 'a');
    const first = await label({ tenant: 'zoo', sha256: shaOf('a'), label: 'cat', by: 'Ann' });
    assert.equal(first.statusCode, 200, first.body);
    assert.deepEqual([first.json().labels[0].kind, first.json().labels[0].label], ['class', 'cat']);
    const second = await label({ tenant: 'zoo', request_id: 'id-of-a', label: 'none' });
    assert.equal(second.json().labels[0].sha256, shaOf('a'));
    const { labels, total } = (await get('zoo/labels')).json();
    assert.equal(total, 1);
    assert.deepEqual([labels[0].kind, labels[0].by], ['none', 'review:zoo']);
    assert.equal(labels[0].verdict.weight, 1);
  });

  it('say with an object that a class is meant that is called none', async (t) => {
    const { label } = await reviewed(t, CLASSES);
    const { labels } = (await label({ tenant: 'zoo', sha256: shaOf('x'), label: { class: 'none' } })).json();
    assert.deepEqual([labels[0].kind, labels[0].label, labels[0].verdict], ['class', 'none', null]);
  });

  it('refuse a class that the tenant does not have, and requests that name no image or two', async (t) => {
    const { label, send, get } = await reviewed(t, CLASSES);
    await send('zoo', 'a');
    const sha256 = shaOf('a');
    for (const [body, detail] of [
      [{ sha256, label: 'horse' }, /"horse" is not a class/],
      [{ label: 'cat' }, /either `sha256` or `request_id`/],
      [{ sha256, request_id: 'id-of-a', label: 'cat' }, /either `sha256` or `request_id`/],
      [{ sha256 }, /Give `label`/],
      [{ sha256, label: 'cat', labels: [{ sha256, label: 'cat' }] }, /cannot be combined/],
      [
        {
          labels: [
            { sha256, label: 'cat' },
            { sha256: shaOf('b'), label: 'horse' },
          ],
        },
        /"horse" is not a class/,
      ],
    ] as const) {
      const { statusCode, body: answer } = await label({ tenant: 'zoo', ...body });
      assert.equal(statusCode, 400, JSON.stringify(body));
      assert.match(JSON.parse(answer).detail, detail);
    }
    assert.equal(
      (await label({ tenant: 'zoo', request_id: 'unknown', label: 'cat' })).json().code,
      'capture_not_found',
    );
    assert.equal((await get('zoo/labels')).json().total, 0, 'all or none are stored');
  });

  it('can be removed, are shown in the list of images, and filter it', async (t) => {
    const { send, label, get, remove } = await reviewed(t, CLASSES);
    await send('zoo', 'a', 'b', 'c');
    const labels = [
      { sha256: shaOf('a'), label: 'dog' },
      { sha256: shaOf('b'), label: 'unsure' },
    ];
    assert.equal((await label({ tenant: 'zoo', labels })).statusCode, 200);
    const all = (await get('zoo/captures')).json();
    assert.deepEqual([all.total, all.labelled], [3, 2]);
    const shown = (query: string) =>
      get(`zoo/captures?${query}`).then((r) => r.json().images.map((i: { sha256: string }) => i.sha256));
    assert.deepEqual(await shown('labelled=no'), [shaOf('c')]);
    assert.deepEqual(await shown('label=dog'), [shaOf('a')]);
    assert.equal((await remove(`zoo/labels/${shaOf('a')}`)).statusCode, 204);
    assert.equal((await remove(`zoo/labels/${shaOf('a')}`)).json().code, 'label_not_found');
    assert.equal((await shown('labelled=no')).length, 2);
  });

  it('come out as JSON lines and as CSV in which no cell is a formula', async (t) => {
    const { send, label, get } = await reviewed(t, CLASSES);
    await send('zoo', 'a');
    await label({ tenant: 'zoo', sha256: shaOf('a'), label: 'cat', by: '=1+1, "x"' });
    const jsonl = await get('zoo/labels?format=jsonl');
    assert.match(String(jsonl.headers['content-type']), /ndjson/);
    assert.equal(JSON.parse(jsonl.body.trim()).label, 'cat');
    const csv = await get('zoo/labels?format=csv');
    assert.match(String(csv.headers['content-type']), /text\/csv/);
    const [head, row] = csv.body.split('\r\n');
    assert.match(String(head), /^sha256,kind,class,by,at,/);
    assert.ok(row?.startsWith(`${shaOf('a')},class,cat,"'=1+1, ""x""",`), row);
  });

  it('of another tenant can be neither given nor read, and removing a tenant removes its labels', async (t) => {
    const { app, send, label, get, admin, registry } = await reviewed(t, CLASSES);
    await send('zoo-2', 'secret');
    const theirs = { tenant: 'zoo-2', sha256: shaOf('secret'), label: 'cat' };
    const refused = await label(theirs);
    const unknown = await label({ ...theirs, tenant: 'nowhere' });
    assert.deepEqual([refused.statusCode, unknown.statusCode], [403, 403]);
    assert.equal((await label({ ...theirs, tenant: 'zoo' })).json().labels[0].verdict, null, 'nothing is found out');
    assert.equal((await get('zoo-2/labels')).statusCode, 403);
    assert.equal((await label(theirs, admin)).statusCode, 200);
    await app.inject({ method: 'DELETE', url: '/v1/tenants/zoo-2', headers: admin });
    await registry.put('zoo-2', { classes: ['dog'] }, { waitMs: 1000 });
    assert.equal((await get('zoo-2/labels', admin)).json().total, 0);
  });

  it('give error rates of every rule, for the present model and classes, also as metrics', async (t) => {
    const { app, send, label, get, admin, registry } = await reviewed(t, CLASSES);
    const names = Array.from({ length: 12 }, (_, i) => `picture-${i}`);
    await send('zoo', ...names);
    await label({ tenant: 'zoo', labels: names.map((name) => ({ sha256: shaOf(name), label: 'dog' })) });
    const { images } = (await get('zoo/captures?limit=100')).json();
    const refused = images.filter(
      (i: { verdict: { decisions: { ctw: string } } }) => i.verdict.decisions.ctw === 'ood',
    ).length;
    const report = (await get('zoo/quality')).json();
    assert.equal(report.verdicts, 12);
    assert.equal(report.covered, 1);
    assert.deepEqual(report.labels, { class: 12, none: 0, unsure: 0 });
    assert.deepEqual(report.model, { name: 'fake', version: '1.2.3' });
    const { ctw } = report.rules;
    assert.ok(Math.abs(ctw.false_refusals.value - refused / 12) < 1e-9);
    assert.equal(ctw.false_refusals.errors, refused);
    assert.equal(ctw.false_acceptances, null);
    const metrics = (await app.inject({ url: '/metrics', headers: admin })).body;
    assert.match(metrics, /clipn_quality_error_rate\{tenant="zoo",method="ctw",error="false_refusal",bound="value"\} /);
    assert.match(metrics, /clipn_labels_total\{tenant="zoo",label="class"\} 12/);
    await registry.put('zoo', { classes: ['dog', 'cat'], capture: {} }, { waitMs: 1000 });
    const after = (await get('zoo/quality')).json();
    assert.deepEqual([after.verdicts, after.labels.class], [0, 0], 'other classes, other verdicts');
  });
});
