import type { IncomingMessage, ServerResponse } from 'node:http';
import { UpstreamError, type UpstreamFailure } from './proxy/upstream.ts';
import { problem } from './respond.ts';
import type { GateObserver, GateTrace } from './seams.ts';

/** A request that ended in an error. */
export interface FailedRequest {
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  trace: GateTrace | undefined;
}

/** Logs the error, and answers it where an answer can still be sent. */
export function answerFailure(error: unknown, failed: FailedRequest, observer: GateObserver): void {
  const { request, response, requestId, trace } = failed;
  // the client has disconnected, so there is no answer to send and no fault to report
  if (response.destroyed) return;
  if (error instanceof UpstreamError) {
    answerUpstreamFailure(error, failed, observer);
    return;
  }
  // either the client has disconnected, or the error is the gate's own
  if (!request.destroyed)
    observer.log?.('error', 'gate: unexpected error', {
      request_id: requestId,
      ...trace?.ids,
      internal: error instanceof Error ? error.stack : String(error),
    });
  response.destroy();
}

function answerUpstreamFailure(
  { reason, cause }: UpstreamError,
  { response, requestId, trace }: FailedRequest,
  observer: GateObserver,
): void {
  observer.upstream?.({ reason });
  observer.log?.('warn', 'gate: the upstream gave no answer', {
    request_id: requestId,
    ...trace?.ids,
    reason,
    internal: String(cause ?? ''),
  });
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const detail = `The classifier behind the gate gave no usable answer (${reason}).`;
  problem(response, { ...ANSWERS[reason], detail, requestId });
}

const LATE = { status: 504, code: 'upstream_timeout', title: 'The upstream did not answer in time' };
/** Answer for each reason. An upstream that was reached is not called unavailable. */
const ANSWERS: Record<UpstreamFailure, { status: number; code: string; title: string }> = {
  unreachable: { status: 502, code: 'upstream_unavailable', title: 'The upstream cannot be reached' },
  closed: { status: 502, code: 'upstream_closed', title: 'The upstream closed the connection before it had answered' },
  malformed: { status: 502, code: 'upstream_malformed', title: 'The upstream sent an answer that is not valid HTTP' },
  connect_timeout: LATE,
  response_timeout: LATE,
};
