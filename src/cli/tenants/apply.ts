import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { printable } from '../../errors/printable.ts';
import type { BuildReply, TenantReply } from '../../http/schemas/tenant.ts';
import { POLL_MS } from '../../polling.ts';
import { bar } from '../progress.ts';
import { RequestError, type ServiceClient, tenantPath } from './client.ts';
import { confirmed } from './confirm.ts';
import { DocumentError, readDocuments } from './documents.ts';
import { describePlan, planOf, type Step } from './plan.ts';

export interface ApplyOptions {
  filename: string[];
  dryRun?: boolean;
  exitCode?: boolean;
  prune?: boolean;
  yes?: boolean;
  /** Commander's negatable option: --no-wait. */
  wait: boolean;
  /** Longest wait for the features of one tenant, milliseconds. */
  timeoutMs: number;
  json?: boolean;
}

/** Exit status of --dry-run --exit-code if there is a difference. */
const WOULD_CHANGE = 3;

/** `tenants apply`: shows the changes, makes them, waits for the features. Returns the exit status. */
export async function applyTenants(client: ServiceClient, options: ApplyOptions): Promise<number> {
  const wanted = await readDocuments(options.filename);
  if (wanted.length === 0) {
    // an empty folder is probably a wrong path and not a request to remove everything
    throw new DocumentError([`There is no tenant in ${options.filename.join(', ')}.`]);
  }
  const steps = await planOf(client, wanted, options.prune === true);
  const say = (text: string) => void (options.json ? process.stderr : process.stdout).write(`${text}\n`);
  say(describePlan(steps));
  const changes = steps.filter((s) => s.action !== 'unchanged');
  const unfinished = steps.some((s) => s.action === 'unchanged' && s.unfinished);
  if (options.dryRun || (changes.length === 0 && !unfinished)) {
    if (options.json) for (const step of steps) report(step, options.dryRun ? 'planned' : 'done');
    return options.dryRun && options.exitCode && changes.length > 0 ? WOULD_CHANGE : 0;
  }
  const removals = changes.filter((s) => s.action === 'delete');
  if (removals.length > 0 && !(await confirmed(`Remove ${removals.map((s) => s.tenant).join(', ')}?`, options.yes))) {
    say('Nothing was changed.');
    return 1;
  }
  const forget = explainInterruption();
  const status = await performAll(client, steps, options, say);
  forget();
  return status;
}

/** On Ctrl-C and SIGTERM the command ends at once, and writes that the service continues. Returns a function that removes the handlers. */
function explainInterruption(): () => void {
  const stop = (signal: 'SIGINT' | 'SIGTERM') => {
    process.stderr.write('\nStopped. Builds in progress continue in the service; the same command waits for them.\n');
    process.exit(128 + constants.signals[signal]);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return () => void process.off('SIGINT', stop).off('SIGTERM', stop);
}

async function performAll(
  client: ServiceClient,
  steps: Step[],
  options: ApplyOptions,
  say: (text: string) => void,
): Promise<number> {
  let status = 0;
  for (const step of steps) {
    try {
      const after = await perform(client, step, options);
      if (options.json) report(step, 'done', after);
      else if (after) say(`${step.tenant}: version ${after.version} is ${after.state}${warningsIn(after)}`);
      else if (step.action === 'delete') say(`${step.tenant}: removed`);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      status = 1;
      process.stderr.write(`${step.tenant}: ${printable(error.message)} (${error.code})\n`);
      if (options.json) report(step, error.code);
    }
  }
  return status;
}

function report({ action, tenant }: Step, result: string, after?: TenantReply): void {
  const { version, state, warnings } = after ?? {};
  // JSON.stringify omits undefined fields
  process.stdout.write(`${JSON.stringify({ tenant, action, result, version, state, warnings })}\n`);
}

function warningsIn({ warnings }: TenantReply): string {
  return warnings.map((w) => `\n  warning: ${printable(w.message)}`).join('');
}

/** Makes one change, guarded by the entity tag of the plan, so that nothing else than the shown change is made. */
async function perform(client: ServiceClient, step: Step, options: ApplyOptions): Promise<TenantReply | undefined> {
  if (step.action === 'unchanged') return step.unfinished && (await finished(client, step.unfinished, options));
  const path = tenantPath(step.tenant);
  if (step.action === 'delete') {
    await client.request('DELETE', path, { headers: { 'if-match': step.etag } });
    return undefined;
  }
  const guard = step.action === 'create' ? { 'if-none-match': '*' } : { 'if-match': step.etag };
  const headers = { ...guard, prefer: 'respond-async' };
  const { body } = await client.request<TenantReply>('PUT', path, { body: step.wanted.definition, headers });
  return await finished(client, body, options);
}

/** The tenant once its features are ready, unless the caller does not wait. */
async function finished(
  client: ServiceClient,
  tenant: TenantReply,
  { wait, timeoutMs }: ApplyOptions,
): Promise<TenantReply> {
  if (tenant.state === 'ready' || !wait) return tenant;
  return { ...tenant, state: await follow(client, tenant, timeoutMs) };
}

/**
 * Shows progress until the version serves.
 * @throws RequestError build_failed, build_cancelled, build_overtaken, build_timeout
 */
async function follow(client: ServiceClient, { tenant, version }: TenantReply, timeoutMs: number): Promise<'ready'> {
  const end = Date.now() + timeoutMs;
  const drawn = bar(tenant, 'texts');
  try {
    for (;;) {
      const { body } = await client.request<BuildReply>('GET', `${tenantPath(tenant)}/build`);
      drawn.draw(body.done, body.total, body.texts_per_second ?? undefined, body.eta_seconds ?? undefined);
      if (body.version === version && body.state === 'ready') return 'ready';
      const now = `version ${version} is stored; see tenants get ${tenant}`;
      if (body.version > version) throw new RequestError('build_overtaken', `version ${body.version} came in between`);
      if (body.state === 'cancelled') throw new RequestError('build_cancelled', `the build was cancelled; ${now}`);
      if (body.state === 'failed')
        throw new RequestError('build_failed', `${body.failure} The build will be tried again; ${now}`);
      if (Date.now() > end) throw new RequestError('build_timeout', `${body.percent} % after ${timeoutMs} ms; ${now}`);
      await sleep(POLL_MS.remoteBuild);
    }
  } finally {
    drawn.end();
  }
}
