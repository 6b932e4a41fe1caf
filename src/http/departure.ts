import type { FastifyReply } from 'fastify';
import { clientLeft } from '../errors/deadline.ts';

/** Aborted when the client closes the connection before its reply is written, so that no work is done for it. */
export function departureOf({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort(clientLeft());
  });
  return gone.signal;
}
