import { callJson, patiently } from '../api/client.ts';
import { ApiError, asProblem } from '../api/problem.ts';
import type { DetectReply, Verdict } from '../api/types.ts';
import { type Item, items } from './items.ts';
import { speak } from './speak.ts';
import { forgetSubject, mode, subjectKey, tenantToAsk, typedClasses } from './subject.ts';

/** Concurrent requests: enough to fill the service's micro-batches, few enough to leave capacity to others. */
const AT_ONCE = 4;
/** Largest number of shown classes. */
const TOP = 20;

let round = new AbortController();
let queue: Item[] = [];
let running = 0;
/** Pictures that were judged since the last announcement. */
let judged: Item[] = [];

/**
 * Judges all pictures again, because the classes have changed. A user who pauses in typing may have added pictures, which were judged by the
 * new classes already. If all were, nothing is left to do.
 */
export function judgeAll(): void {
  const subject = subjectKey.peek();
  if (items.peek().every((item) => item.subject === subject)) return;
  round.abort();
  round = new AbortController();
  queue = [];
  running = 0;
  judged = [];
  forgetSubject();
  judge(items.peek());
}

export function judge(some: readonly Item[]): void {
  const subject = subjectKey.peek();
  for (const item of some) item.subject = subject;
  if (mode.peek() === 'typed' && typedClasses.peek().length === 0) {
    for (const item of some) item.state.value = { is: 'waiting' };
    return;
  }
  for (const item of some) item.state.value = { is: 'asking' };
  queue.push(...some);
  while (running < AT_ONCE && queue.length > 0) {
    running++;
    void work(round.signal);
  }
}

async function work(signal: AbortSignal): Promise<void> {
  for (;;) {
    const item = signal.aborted ? undefined : queue.shift();
    if (!item) break;
    if (!items.peek().includes(item)) continue;
    await judgeOne(item, signal);
    if (!signal.aborted) judged.push(item);
  }
  if (signal.aborted || --running > 0) return;
  // in the order of the page; verdicts arrive in any order
  speak(items.peek().filter((item) => judged.includes(item)));
  judged = [];
}

async function judgeOne(item: Item, signal: AbortSignal): Promise<void> {
  try {
    const began = performance.now();
    let waited = 0;
    let attempts = 0;
    const reply = await patiently(
      async () => {
        waited = performance.now() - began;
        attempts++;
        return await requestVerdict(item.blob, signal);
      },
      {
        signal,
        onWait: (problem) => {
          if (problem.status === 0 && attempts >= 2) refuseTooLarge(item.blob, problem);
          item.state.value = { is: 'asking', note: `${problem.title}; trying again` };
        },
      },
    );
    const verdict = reply.results[0] as Verdict;
    const roundTripMs = performance.now() - began - waited;
    if (!signal.aborted) item.state.value = { is: 'judged', verdict, reply, roundTripMs };
  } catch (error) {
    if (!signal.aborted) item.state.value = { is: 'failed', problem: asProblem(error) };
  }
}

async function requestVerdict(blob: Blob, signal: AbortSignal): Promise<DetectReply> {
  for (let again = false; ; again = true) {
    const tenant = await tenantToAsk();
    signal.throwIfAborted();
    try {
      return await callJson<DetectReply>(`v1/detect?tenant=${encodeURIComponent(tenant)}&top_k=${TOP}&explain=true`, {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body: blob,
        signal,
      });
    } catch (error) {
      // the session's tenant was removed: repeat once with a new one
      const gone = error instanceof ApiError && error.code === 'tenant_not_found' && mode.peek() === 'typed';
      if (!gone || again) throw error;
      forgetSubject();
    }
  }
}

/** If the service closes the connection because a file is far too large, the browser reports a missing reply. */
function refuseTooLarge({ size }: Blob, problem: ApiError): void {
  if (size < 20 * 2 ** 20) return;
  throw new ApiError(0, {
    ...problem.fields,
    detail: 'The service closed the connection during the upload. The file may be larger than the service accepts.',
  });
}
