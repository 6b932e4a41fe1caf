import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LabelledReplay } from '../../src/cli/replay/labelled-replay.ts';
import { wilson } from '../../src/clipn/wilson.ts';
import type { AuditRecord } from '../../src/gate/audit/record.ts';
import type { LabelView } from '../../src/http/schemas/label.ts';
import { testApp } from '../helpers/app.ts';
import { COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { environment } from '../helpers/service.ts';

const shaOf = (text: string) => createHash('sha256').update(text).digest('hex');

type D = 'id' | 'ood';

/** A request of one image, with the decisions of CTW, ATD and, if there is one, of the calibration. CTW decides. */
const request = (image: string, [ctw, atd, calibrated]: D[], tenant = 'zoo') =>
  ({
    time: '2026-01-01T00:00:00Z',
    tenant,
    bundle: 'm@1',
    batch: 'any',
    instances: 1,
    filterable: true,
    images: [
      {
        id: '0',
        instance: 0,
        sha256: shaOf(image),
        decision: ctw,
        class: 'dog',
        decisions: { ctw, atd, atd_rescaled: atd, ...(calibrated && { calibrated }) },
        scores: { ctw: ctw === 'id' ? 0.9 : 0.1, atd: 0.5, msp: 0.5, max_logit: 1, energy: 1, mcm: 1 },
      },
    ],
  }) as unknown as AuditRecord;

const label = (image: string, word: string, weight?: number) =>
  ({
    sha256: shaOf(image),
    label: word,
    kind: word === 'none' || word === 'unsure' ? word : 'class',
    by: 'Ann',
    at: '2026-01-02T00:00:00Z',
    verdict: weight === undefined ? null : { weight },
  }) as LabelView;

/** The report of a trail of the tenant zoo. */
async function reportOf(trail: AuditRecord[], labels: LabelView[], whatIf = {}) {
  const known = new Map(labels.map((one) => [one.sha256, one]));
  const replay = new LabelledReplay(whatIf, async () => known);
  for (const record of trail) await replay.add(record);
  return replay.reports().get('zoo');
}

describe('replay with labels', () => {
  const trail = [
    request('dog', ['id', 'ood', 'id']),
    request('cat', ['ood', 'id', 'id']),
    request('car', ['id', 'ood', 'ood']),
    request('sky', ['ood', 'ood', 'id']),
  ];
  const labels = [label('dog', 'dog'), label('cat', 'cat'), label('car', 'none'), label('sky', 'none')];

  it('each rule has its own errors, with the interval by Wilson', async () => {
    const report = await reportOf(trail, labels);
    const errors = Object.entries(report?.rules ?? {}).map(([rule, of]) => [
      rule,
      of.falseRefusals?.value,
      of.falseAcceptances?.value,
    ]);
    assert.deepEqual(errors, [
      ['decided', 0.5, 0.5],
      ['ctw', 0.5, 0.5],
      ['atd', 0.5, 0],
      ['atd_rescaled', 0.5, 0],
      ['calibrated', 0, 0.5],
    ]);
    const { value, low, high } = report?.rules['atd']?.falseRefusals ?? {};
    assert.deepEqual({ value, low, high }, wilson(1, 2));
    assert.deepEqual(report?.ood, { decided: 2, ctw: 2, atd: 3, atd_rescaled: 3, calibrated: 1 });
    assert.equal(report?.wrongClass?.value, 0.5, 'the cat was taken for a dog');
  });

  it('a threshold on a score is judged beside the rules', async () => {
    const report = await reportOf(trail, labels, { score: { name: 'ctw', threshold: 0.95 } });
    assert.deepEqual(
      [report?.rules['would']?.falseRefusals?.value, report?.rules['would']?.falseAcceptances?.value],
      [1, 0],
    );
  });

  it('a group of the trail counts by its verdicts, however many of its images have a label', async () => {
    // 90 passed and 10 refused, all of the classes; of each group one image is labelled
    const many = [
      ...Array.from({ length: 90 }, (_, i) => request(`passed ${i}`, ['id', 'id'])),
      ...Array.from({ length: 10 }, (_, i) => request(`refused ${i}`, ['ood', 'ood'])),
    ];
    const report = await reportOf(many, [label('passed 1', 'dog', 20), label('refused 1', 'dog', 1)]);
    assert.ok(Math.abs((report?.rules['ctw']?.falseRefusals?.value ?? 0) - 0.1) < 1e-12);
    assert.equal(report?.covered, 1);
    const half = await reportOf(many, [label('passed 1', 'dog', 20)]);
    assert.equal(half?.covered, 0.9, 'the refused images have no label');
  });

  it('within a group, images weigh by their draw, and without one by their verdicts in the trail', async () => {
    const same = ['a', 'b', 'b', 'b'].map((image) => request(image, ['id', 'id']));
    const share = async (...given: LabelView[]) => (await reportOf(same, given))?.wrongClass?.value;
    assert.equal(await share(label('a', 'cat', 1), label('b', 'dog', 4)), 0.2);
    assert.equal(await share(label('a', 'cat'), label('b', 'dog')), 0.25);
  });

  it('unsure is no label, and images without one change only what is covered', async () => {
    const report = await reportOf(trail, [label('dog', 'unsure')]);
    assert.deepEqual([report?.labels, report?.rules, report?.covered], [{ class: 0, none: 0, unsure: 1 }, {}, 0]);
  });
});

describe('clipn-gate replay --labels', () => {
  it('reads labels from a file or from the service, and asks for a tenant where a file does not name it', async (t) => {
    const { app, registry, access } = await testApp(t, {}, { mode: 'keys' });
    await registry.put('zoo', { classes: ['dog', 'cat'] }, { waitMs: 1000 });
    const { key, headers } = await access.key(['admin']);
    const given = await app.inject({
      method: 'POST',
      url: '/v1/labels',
      headers,
      payload: { tenant: 'zoo', labels: [{ sha256: shaOf('dog'), label: 'dog' }] },
    });
    assert.equal(given.statusCode, 200, given.body);
    const exported = await app.inject({ url: '/v1/tenants/zoo/labels?format=jsonl', headers });
    const dir = await temporaryDirectory(t);
    const [audit, labels, broken] = ['audit.ndjson', 'labels.jsonl', 'broken.jsonl'].map((name) => join(dir, name));
    const trail = [request('dog', ['ood', 'id']), request('dog', ['id', 'id'], 'other')];
    await writeFile(audit as string, trail.map((record) => `${JSON.stringify(record)}\n`).join(''));
    await writeFile(labels as string, exported.body);
    await writeFile(broken as string, `${exported.body}{"sha256": 1}\n`);
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    const run = (...args: string[]) =>
      new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
        const child = spawn(process.execPath, [COMMAND, 'replay', audit as string, ...args], {
          cwd: ROOT,
          env: environment({ CLIPN_API_KEY: key }),
        });
        let [out, err] = ['', ''];
        child.stdout.on('data', (chunk) => (out += chunk));
        child.stderr.on('data', (chunk) => (err += chunk));
        child.on('close', (code) => resolve({ code, out, err }));
      });
    const [ofFile, ofService, ambiguous, damaged, told] = await Promise.all([
      run('--labels', labels as string, '--tenant', 'zoo', '--json'),
      run('--labels', url, '--json'),
      run('--labels', labels as string),
      run('--labels', broken as string, '--tenant', 'zoo'),
      run('--labels', labels as string, '--tenant', 'zoo'),
    ]);
    for (const { out, err } of [ofFile, ofService]) {
      const { labelled } = JSON.parse(out || err);
      assert.deepEqual(labelled.zoo.rules.ctw, {
        ood: 1,
        false_refusals: { ...wilson(1, 1), labelled: 1, errors: 1, effective: 1 },
        false_acceptances: null,
      });
      assert.equal(labelled.zoo.rules.atd.false_refusals.value, 0);
    }
    assert.deepEqual(JSON.parse(ofService.out).labelled.other.rules.ctw.false_refusals, null);
    assert.equal(ambiguous.code, 2);
    assert.match(ambiguous.err, /zoo and other.*--tenant/);
    assert.notEqual(damaged.code, 0);
    assert.match(damaged.err, /line 2 is not a label/);
    assert.match(told.out, /zoo +ctw +1 +100\.0 % +20\.7 % to 100\.0 % +1 +- +- +0/);
  });
});
