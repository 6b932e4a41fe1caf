import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Method, ScoreName } from '../../clipn/index.ts';
import { defined } from '../../defined.ts';
import { ServiceError } from '../../errors/index.ts';
import type { AuditRecord } from '../../gate/audit/record.ts';
import { Replay, type WhatIf } from '../../gate/audit/replay.ts';
import type { BatchRule } from '../../gate/config/schema.ts';
import { UsageError } from '../usage-error.ts';
import { LabelledReplay } from './labelled-replay.ts';
import { labelsFrom } from './labels-of.ts';
import { countsTable, errorsTable, reportJson } from './tables.ts';

export interface ReplayArguments {
  method?: Method;
  score?: ScoreName;
  threshold?: string;
  batch?: BatchRule;
  tenant?: string;
  labels?: string;
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
  const changes = whatIf(args);
  const replay = new Replay(changes);
  const labelled = args.labels === undefined ? undefined : new LabelledReplay(changes, labelsFrom(args.labels));
  let unreadable = 0;
  for (const file of files) {
    for await (const line of linesOf(file)) {
      if (line.trim() === '') continue;
      const record = parsed(line);
      if (!record) {
        unreadable++;
        continue;
      }
      replay.add(record);
      await labelled?.add(record);
    }
  }
  if (unreadable > 0) process.stderr.write(`${unreadable} lines are not audit records and were left out\n`);
  const tenants = [...replay.tenants].sort(byName);
  const reports = labelled && [...labelled.reports()].sort(byName);
  if (args.json) {
    const errors = reports && { labelled: Object.fromEntries(reports.map(([id, report]) => [id, reportJson(report)])) };
    const counts = { total: replay.total, tenants: Object.fromEntries(tenants), unreadable };
    process.stdout.write(`${JSON.stringify({ ...counts, ...errors })}\n`);
  } else {
    process.stdout.write(`${countsTable(tenants, replay.total)}\n`);
    if (reports) process.stdout.write(`\n${errorsTable(reports)}\n`);
  }
  return replay.total.requests === 0 ? 1 : 0;
}

const byName = ([a]: [string, unknown], [b]: [string, unknown]) => (a < b ? -1 : 1);

/** The lines of a file; - is standard input. @throws ServiceError invalid_request */
async function* linesOf(file: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: file === '-' ? process.stdin : createReadStream(file) });
  } catch (cause) {
    throw new ServiceError('invalid_request', `${file} can't be read: ${(cause as Error).message}`, { cause });
  }
}
