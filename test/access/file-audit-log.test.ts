import assert from 'node:assert/strict';
import { appendFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FileAuditLog } from '../../src/access/index.ts';
import { auditContract, auditEntry, readAll } from '../helpers/access-contract.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { until } from '../helpers/service.ts';

auditContract('the directory', async (t) => {
  const dir = await temporaryDirectory(t);
  return () => FileAuditLog.open(dir);
});

describe('files of the audit log', () => {
  it('a full file of the audit log is followed by a new one, and pages continue over all of them', async (t) => {
    const dir = await temporaryDirectory(t);
    const log = await FileAuditLog.open(dir, { rotateBytes: 700 });
    for (let n = 0; n < 20; n++) {
      await log.append(auditEntry(n));
      // a file is named after the moment of its first line
      const now = Date.now();
      await until('the clock has moved on', 1000, () => Date.now() > now);
    }
    assert.ok((await readdir(join(dir, 'audit'))).length > 3);
    const expected = Array.from({ length: 20 }, (_, n) => auditEntry(19 - n));
    for (const limit of [1, 3, 100]) assert.deepEqual(await readAll(log, limit), expected, String(limit));
    assert.deepEqual((await log.read({ limit: 1, before: '20000101T000000000Z-9' })).entries, []);
  });

  it('a partial line in the audit log, left by a crash, costs that line only', async (t) => {
    const dir = await temporaryDirectory(t);
    const log = await FileAuditLog.open(dir);
    await log.append(auditEntry(0));
    const [name] = await readdir(join(dir, 'audit'));
    const path = join(dir, 'audit', name as string);
    await appendFile(path, '{"at":"2026-');
    assert.deepEqual((await log.read({ limit: 10 })).entries, [auditEntry(0)]);
    await log.append(auditEntry(1));
    assert.deepEqual((await log.read({ limit: 10 })).entries, [auditEntry(1), auditEntry(0)]);
    assert.match(await readFile(path, 'utf8'), /"2026-\n\{/);
  });
});
