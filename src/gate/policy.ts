import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { BatchRule, FailCause } from './config/schema.ts';
import type { Decided, Route } from './config/settings.ts';
import type { Inspection } from './inspect.ts';

/**
 * `mixed`: only some instances of a batch are OOD, and they are removed. `none`: there is no verdict, for a cause. `uncertain`: the route has an
 * action for uncertain images, and only they stand between this request and the verdict `id`.
 */
export type RequestVerdict = 'id' | 'ood' | 'mixed' | 'uncertain' | 'none';
export type Action = 'pass' | 'filter' | 'reject' | 'fallback' | 'refuse';

/** The action for a request. `refuse`: there is no verdict, and the policy is closed. */
export interface Conclusion {
  verdict: RequestVerdict;
  action: Action;
  /** Cause of a missing verdict, of the request or of some images. */
  cause?: FailCause;
  detail?: string;
  /** Instances that are OOD. */
  ood: ReadonlySet<number>;
  /** False if enforce applies to a share of the requests and this one is not in it. */
  enforced: boolean;
}

/** The failure that counts where several images failed: the first whose cause the policy refuses, else the first one. */
function failureIn({ failure, images, unexamined }: Inspection, fail: Decided['fail']): Inspection['failure'] {
  if (failure) return failure;
  const failures = images.flatMap(({ result }) => ('cause' in result ? [result] : []));
  if (unexamined) failures.unshift({ cause: 'unexamined', detail: `${unexamined.place}: ${unexamined.why}` });
  return failures.find(({ cause }) => fail[cause] === 'closed') ?? failures[0];
}

/** Combines the verdicts of a batch. A single image is a batch of one. */
function verdictOf(
  inspection: Inspection,
  batch: BatchRule,
  { ood, failed, filterable }: { ood: ReadonlySet<number>; failed: boolean; filterable: boolean },
): RequestVerdict {
  if (inspection.failure) return 'none';
  const { instances, droppable = instances } = inspection.extraction;
  // images outside the array of instances cannot be removed
  const all = [...ood].every((instance) => instance < droppable);
  if (ood.size === instances && ood.size > 0) return 'ood';
  if (batch === 'filter' && filterable && all && ood.size > 0) return 'mixed';
  if (batch !== 'all' && ood.size > 0) return 'ood';
  const judgedId = inspection.images.some(({ result }) => 'decision' in result && result.decision === 'id');
  if (inspection.unexamined) return 'none';
  // under the rule "all", one ID image makes the batch ID
  return failed && !(batch === 'all' && judgedId) ? 'none' : 'id';
}

export function conclude(inspection: Inspection, decided: Decided, route: Route, enforced: boolean): Conclusion {
  const { ood, out, uncertain } = instancesOf(inspection, decided.uncertain);
  const failure = failureIn(inspection, decided.fail);
  // in parallel mode the request is already forwarded, so it cannot be filtered
  const filterable = inspection.extraction.filter !== undefined && !route.parallel;
  const judged = verdictOf(inspection, decided.batch, { ood, failed: failure !== undefined, filterable });
  const only = (judged === 'id' && uncertain.size > 0) || (judged === 'ood' && out.size === 0);
  const verdict = only ? 'uncertain' : judged;
  const known = failure ? { cause: failure.cause, detail: failure.detail } : {};
  const base = { verdict, ood, enforced, ...known };
  if (!enforced) return { ...base, action: 'pass' };
  if (verdict === 'ood') return { ...base, action: route.fallback ? 'fallback' : 'reject' };
  if (verdict === 'uncertain') return { ...base, action: uncertainAction(decided.uncertain, route) };
  const closed = failure !== undefined && decided.fail[failure.cause] === 'closed';
  if (verdict === 'none') return { ...base, action: closed ? 'refuse' : 'pass' };
  if (verdict === 'mixed') return { ...base, action: closed ? 'refuse' : 'filter' };
  return { ...base, action: 'pass' };
}

/** Instances that are OOD, those of them that are surely out, and the uncertain ones, if the route has an action for these. */
function instancesOf({ images }: Inspection, action: Decided['uncertain']) {
  const [ood, out, uncertain] = [new Set<number>(), new Set<number>(), new Set<number>()];
  for (const { instance, result } of images) {
    if (!('decision' in result)) continue;
    const unsure = action !== undefined && result.calibrated?.band === 'uncertain';
    if (unsure) uncertain.add(instance);
    else if (result.decision === 'ood') out.add(instance);
    if (unsure ? action !== 'pass' : result.decision === 'ood') ood.add(instance);
  }
  return { ood, out, uncertain };
}

function uncertainAction(action: Decided['uncertain'], { fallback }: Route): Action {
  if (action === 'fallback' && fallback) return 'fallback';
  return action === 'pass' ? 'pass' : 'reject';
}

/** Whether enforce applies to a request with this key. The same key gets the same answer on every replica. */
export function inShare(key: string, percent: number): boolean {
  if (percent >= 100) return true;
  const hash = createHash('sha256').update(key).digest();
  return (hash.readUInt32BE(0) / 2 ** 32) * 100 < percent;
}

/** The key that decides whether a request is in the share. */
export function stickyKey(
  { sticky }: Route,
  { images }: Inspection,
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
): string {
  const address = socket.remoteAddress ?? '';
  if (sticky === 'image') return images.map(({ sha256 }) => sha256 ?? '').join() || address;
  return sticky === 'client_address' ? address : String(headers[sticky.header.toLowerCase()] ?? address);
}
