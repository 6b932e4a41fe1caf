import assert from 'node:assert/strict';
import { appendFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AuditEntry, FileAuditLog } from '../../src/access/index.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

function entry(n: number, target = `t${n}`): AuditEntry {
  return {
    at: new Date(1_800_000_000_000 + n).toISOString(),
    actor: { kind: 'key', id: '0123456789', name: 'ключ' },
    action: 'tenant.put',
    target,
    before: n === 0 ? null : n,
    after: n + 1,
    request_id: `r${n}`,
  };
}

async function readAll(log: FileAuditLog, limit: number, target?: string) {
  const entries: AuditEntry[] = [];
  let before: string | undefined;
  for (let pages = 0; pages < 1000; pages++) {
    const page = await log.read({ limit, before, target });
    entries.push(...page.entries);
    if (page.next === null) return entries;
    assert.equal(page.entries.length, limit);
    before = page.next;
  }
  throw new Error('the pages have no end');
}

describe('the audit log in a directory', () => {
  it('gives back every entry, the newest first, in pages of any size, over files of any number', async (t) => {
    const dir = await temporaryDirectory(t);
    const log = await FileAuditLog.open(dir, { rotateBytes: 700 });
    for (let n = 0; n < 20; n++) {
      await log.append(entry(n));
      await sleep(2);
    }
    assert.ok((await readdir(join(dir, 'audit'))).length > 3, 'it rotates');
    const expected = Array.from({ length: 20 }, (_, n) => entry(19 - n));
    for (const limit of [1, 3, 19, 20, 100]) assert.deepEqual(await readAll(log, limit), expected, String(limit));
  });

  it('one target alone', async (t) => {
    const log = await FileAuditLog.open(await temporaryDirectory(t));
    for (let n = 0; n < 9; n++) await log.append(entry(n, n % 3 === 0 ? 'zoo' : 'other'));
    assert.deepEqual(await readAll(log, 2, 'zoo'), [entry(6, 'zoo'), entry(3, 'zoo'), entry(0, 'zoo')]);
    assert.deepEqual(await readAll(log, 2, 'nobody'), []);
  });

  it('appends from two processes and at once; a page read before stays valid', async (t) => {
    const dir = await temporaryDirectory(t);
    const [a, b] = [await FileAuditLog.open(dir), await FileAuditLog.open(dir)];
    await a.append(entry(0));
    await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 ? a : b).append(entry(n + 1))));
    const first = await a.read({ limit: 10 });
    await b.append(entry(50));
    const second = await a.read({ limit: 100, before: first.next ?? '' });
    const targets = [...first.entries, ...second.entries].map((e) => e.target);
    assert.equal(new Set(targets).size, 21);
    assert.equal(targets.length, 21);
  });

  it('half a line, left by a crash, costs that line only', async (t) => {
    const dir = await temporaryDirectory(t);
    const log = await FileAuditLog.open(dir);
    await log.append(entry(0));
    const [name] = await readdir(join(dir, 'audit'));
    await appendFile(join(dir, 'audit', name as string), '{"at":"2026-');
    assert.deepEqual((await log.read({ limit: 10 })).entries, [entry(0)]);
    await log.append(entry(1));
    assert.deepEqual((await log.read({ limit: 10 })).entries, [entry(1), entry(0)]);
    assert.match(await readFile(join(dir, 'audit', name as string), 'utf8'), /"2026-\n\{/);
  });

  it('a cursor that it never gave is refused', async (t) => {
    const log = await FileAuditLog.open(await temporaryDirectory(t));
    await log.append(entry(0));
    for (const before of ['', 'x', '../../x-1', '20260101T000000000Z-x'])
      await assert.rejects(log.read({ limit: 1, before }), { code: 'invalid_request' });
    assert.deepEqual((await log.read({ limit: 1, before: '20000101T000000000Z-9' })).entries, []);
  });
});
