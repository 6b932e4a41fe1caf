import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Method, ScoreName } from '../../clipn/index.ts';
import { defined } from '../../defined.ts';
import { ServiceError } from '../../errors/index.ts';
import type { AuditRecord } from '../../gate/audit/record.ts';
import { Replay, type Tally, type WhatIf } from '../../gate/audit/replay.ts';
import type { BatchRule } from '../../gate/config/schema.ts';
import { table } from '../table.ts';
import { UsageError } from '../usage-error.ts';

export interface ReplayArguments {
  method?: Method;
  score?: ScoreName;
  threshold?: string;
  batch?: BatchRule;
  tenant?: string;
  json?: boolean;
}

function whatIf({ method, score, threshold, batch, tenant }: ReplayArguments): WhatIf {
  if ((score === undefined) !== (threshold === undefined))
    throw new UsageError('--score and --threshold belong together.');
  if (score !== undefined && method !== undefined)
    throw new UsageError('Either --method or --score decides, not both.');
  const limit = Number(threshold);
  if (score !== undefined && (threshold?.trim() === '' || !Number.isFinite(limit)))
    throw new UsageError(`--threshold ${JSON.stringify(threshold)} is not a number.`);
  return defined({ method, score: score && { name: score, threshold: limit }, batch, tenant });
}

function parsed(line: string): AuditRecord | undefined {
  try {
    const record = JSON.parse(line) as AuditRecord;
    return Array.isArray(record.images) && typeof record.tenant === 'string' ? record : undefined;
  } catch {
    return undefined;
  }
}

/** `clipn-gate replay`: applies another rule to the scores in the gate's audit trail. Returns the exit status. */
export async function replayAudit(files: string[], args: ReplayArguments): Promise<number> {
  const replay = new Replay(whatIf(args));
  let unreadable = 0;
  for (const file of files) {
    const input = file === '-' ? process.stdin : createReadStream(file);
    try {
      for await (const line of createInterface({ input })) {
        if (line.trim() === '') continue;
        const record = parsed(line);
        if (record) replay.add(record);
        else unreadable++;
      }
    } catch (cause) {
      throw new ServiceError('invalid_request', `${file} can't be read: ${(cause as Error).message}`, { cause });
    }
  }
  if (unreadable > 0) process.stderr.write(`${unreadable} lines are not audit records and were left out\n`);
  const tenants = Object.fromEntries([...replay.tenants].sort(([a], [b]) => (a < b ? -1 : 1)));
  if (args.json) process.stdout.write(`${JSON.stringify({ total: replay.total, tenants, unreadable })}\n`);
  else {
    const row = (name: string, t: Tally) => [
      name,
      ...[
        t.requests,
        t.images,
        t.ood.was,
        t.ood.would,
        t.id_to_ood,
        t.ood_to_id,
        t.rejected.was,
        t.rejected.would,
        t.failed,
      ].map(String),
    ];
    const rows = [...Object.entries(tenants).map(([name, t]) => row(name, t)), row('all', replay.total)];
    const head = [
      'tenant',
      'requests',
      'images',
      'OOD',
      'would be',
      'in -> OOD',
      'OOD -> in',
      'rejected',
      'would be',
      'no verdict',
    ];
    process.stdout.write(`${table(head, rows, new Set([1, 2, 3, 4, 5, 6, 7, 8, 9]))}\n`);
  }
  return replay.total.requests === 0 ? 1 : 0;
}
