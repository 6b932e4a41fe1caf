import assert from 'node:assert/strict';
import { type FileHandle, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { AuditRecord } from '../../src/gate/audit/record.ts';
import { Replay, wouldDecide } from '../../src/gate/audit/replay.ts';
import { AuditTrail } from '../../src/gate/audit/trail.ts';
import { ask, image, recordingUpstream, startGate } from '../helpers/gate.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { until } from '../helpers/service.ts';

const record = (n: number) => ({ request_id: `r${n}`, images: [] }) as unknown as AuditRecord;
const linesOf = async (path: string) =>
  (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((l) => JSON.parse(l) as AuditRecord);

describe('the audit trail', () => {
  it('the audit trail is NDJSON, rotated, with a bounded number of old files', async (t) => {
    const dir = await temporaryDirectory(t);
    const file = join(dir, 'deep', 'audit.ndjson');
    const options = {
      file,
      max_bytes: 1024,
      keep: 2,
      queue: 10_000,
      bundle: () => 'm@1',
      onDropped: () => assert.fail(),
      onFault: assert.fail,
    };
    for (const from of [0, 100]) {
      // a second process continues where the first ended
      const log = new AuditTrail(options);
      for (let i = 0; i < 100; i++) log.write(record(from + i));
      await log.close();
    }
    const files = (await readdir(join(dir, 'deep'))).sort();
    assert.deepEqual(files, ['audit.ndjson', 'audit.ndjson.1', 'audit.ndjson.2']);
    const kept = (await Promise.all(files.reverse().map((f) => linesOf(join(dir, 'deep', f))))).flat();
    const ids = kept.map((r) => Number(r.request_id.slice(1)));
    assert.deepEqual(
      ids,
      Array.from({ length: ids.length }, (_, i) => 200 - ids.length + i),
      'none is lost or out of order',
    );
    assert.equal(kept[0]?.bundle, 'm@1');
    for (const f of files) assert.ok((await readFile(join(dir, 'deep', f))).length <= 1024);
  });

  it('a full queue of the audit trail drops and counts records; records that could not be written are written later', async (t) => {
    const dir = await temporaryDirectory(t);
    const file = join(dir, 'audit.ndjson');
    await mkdir(file);
    let [dropped, faults] = [0, 0];
    const log = new AuditTrail({
      file,
      max_bytes: 1e6,
      keep: 1,
      queue: 300,
      bundle: () => 'm',
      onDropped: () => dropped++,
      onFault: () => faults++,
    });
    for (let i = 0; i < 1000; i++) log.write(record(i));
    assert.ok(dropped >= 700 - 256, String(dropped));
    await until('a fault', 5000, () => faults > 0);
    await rm(file, { recursive: true });
    await until(
      'the rest is written',
      10_000,
      async () => (await linesOf(file).catch(() => [])).length === 1000 - dropped,
    );
    await log.close();
    assert.equal((await linesOf(file))[0]?.request_id, 'r0');
  });

  it('a disk that is full in the middle of a record leaves no part of it, and no record twice', async (t) => {
    const file = join(await temporaryDirectory(t), 'audit.ndjson');
    await writeFile(file, '');
    const handle = await open(file, 'a');
    const { prototype } = handle.constructor;
    await handle.close();
    const { appendFile } = prototype;
    let faults = 0;
    t.mock.method(prototype, 'appendFile', async function (this: FileHandle, text: string) {
      if (faults > 0) return appendFile.call(this, text);
      await appendFile.call(this, text.slice(0, -20));
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    });
    const log = new AuditTrail({
      file,
      max_bytes: 2 ** 20,
      keep: 1,
      queue: 100,
      bundle: () => 'm@1',
      onDropped: () => assert.fail(),
      onFault: () => faults++,
    });
    for (let i = 0; i < 5; i++) log.write(record(i));
    await until('the records are written', 10_000, async () => (await readFile(file, 'utf8')).endsWith('}\n'));
    await log.close();
    assert.equal(faults, 1);
    assert.deepEqual(
      (await linesOf(file)).map((r) => r.request_id),
      ['r0', 'r1', 'r2', 'r3', 'r4'],
    );
  });

  it('the audit trail has hashes and scores, and nothing of the content of an image', async (t) => {
    const upstream = await recordingUpstream(t);
    const { url, audit } = await startGate(t, upstream.url, {
      routes: [
        {
          match: { path: '/p' },
          name: 'predict',
          adapter: 'tf-serving',
          mode: 'enforce',
          batch: 'filter',
          fail: { undecodable: 'open' },
        },
      ],
    });
    const bytes = [image('OOD'), image('ID'), image('BAD')];
    const body = JSON.stringify({ instances: bytes.map((b) => ({ b64: b.toString('base64') })) });
    await ask(url, {
      path: '/p',
      headers: [
        ['content-length', String(body.length)],
        ['x-request-id', 'one'],
      ],
      body,
    });
    const [line] = audit;
    assert.deepEqual(
      [
        line?.request_id,
        line?.route,
        line?.tenant,
        line?.tenant_version,
        line?.method,
        line?.mode,
        line?.action,
        line?.verdict,
      ],
      ['one', 'predict', 'demo', 3, 'ctw', 'enforce', 'filter', 'mixed'],
    );
    assert.deepEqual(
      line?.images.map((i) => i.decision ?? i.failure),
      ['ood', 'id', 'undecodable'],
    );
    assert.ok(line?.images.every((i) => /^[0-9a-f]{64}$/.test(String(i.sha256))));
    assert.equal(Object.keys(line?.images[0]?.scores ?? {}).length, 6);
    const text = JSON.stringify(audit);
    for (const b of bytes) assert.ok(!text.includes(b.toString('base64').slice(0, 12)));
  });
});

describe('replay', () => {
  const judged = (ctw: number, decisions: ('id' | 'ood')[], instance = 0) => ({
    id: 'x',
    instance,
    sha256: 'a',
    decision: decisions[0] as 'id',
    decisions: { ctw: decisions[0], atd: decisions[1], atd_rescaled: decisions[2] } as never,
    scores: { ctw, atd: ctw, msp: ctw, max_logit: 1, energy: 1, mcm: 1 },
  });
  const request = (images: object[], more = {}) =>
    ({ tenant: 'zoo', batch: 'any', instances: images.length, filterable: true, images, ...more }) as AuditRecord;

  it('replay counts decisions for another rule, a threshold and another rule for batches', () => {
    const trail = [
      request([judged(0.9, ['id', 'ood', 'ood'])]),
      request([judged(0.2, ['ood', 'id', 'ood'])]),
      request([judged(0.9, ['id', 'id', 'id'], 0), judged(0.3, ['ood', 'ood', 'ood'], 1)]),
      request([{ id: 'x', instance: 0, sha256: null, failure: 'undecodable' }], { tenant: 'vip' }),
    ];
    const run = (whatIf: ConstructorParameters<typeof Replay>[0]) => {
      const replay = new Replay(whatIf);
      for (const r of trail) replay.add(r);
      return replay;
    };
    const atd = run({ method: 'atd' }).total;
    assert.deepEqual(
      [atd.requests, atd.images, atd.failed, atd.ood, atd.rejected, atd.id_to_ood, atd.ood_to_id],
      [4, 5, 1, { was: 2, would: 2 }, { was: 2, would: 2 }, 1, 1],
    );
    assert.deepEqual(run({ method: 'ctw' }).total.rejected, { was: 2, would: 2 });
    assert.deepEqual(run({ method: 'atd-rescaled' }).total.ood, { was: 2, would: 3 });
    assert.deepEqual(run({ score: { name: 'msp', threshold: 0.25 } }).total.ood, { was: 2, would: 1 });
    assert.deepEqual(run({ batch: 'all' }).total.rejected, { was: 2, would: 1 });
    assert.deepEqual([...run({ tenant: 'vip' }).tenants.keys()], ['vip']);
    assert.equal(
      wouldDecide({ id: 'x', instance: 0, sha256: null, failure: 'deadline' }, { method: 'atd' }),
      undefined,
    );
  });
});
