import type { FastifyReply } from 'fastify';
import { clientLeft } from '../errors/deadline.ts';

/** Aborted when the client closes the connection before its reply is written, so that no work is done for it. */
export function departureOf({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    if (isCut(raw)) gone.abort(clientLeft());
  });
  return gone.signal;
}

/** Over HTTP/2 the stream that the client cancelled counts as finished, but it is also aborted. */
function isCut(raw: FastifyReply['raw']): boolean {
  const { stream } = raw as { stream?: { aborted: boolean } };
  return stream ? stream.aborted : !raw.writableFinished;
}
