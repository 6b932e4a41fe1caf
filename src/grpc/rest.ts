import type { IncomingMessage } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';

/** Bytes and time, milliseconds, that the rest of a request has once its answer is written. */
const MOST_BYTES = 2 ** 20;
const MOST_MS = 1000;
/** Interval of looks whether the answer has been sent, milliseconds. */
const LOOK_MS = 20;

/**
 * Discards the rest of a request that was answered before its end, and resets its stream if the rest is large or late. The rest of most messages
 * is already on its way, and a client of Node.js 26 closes its connection after some 200 resets. A reset waits until the answer has been sent:
 * the HTTP/2 of Node.js 22.23 and 26 drops an answer that is still queued then.
 */
export function discardRest(request: IncomingMessage, stream: ServerHttp2Stream): void {
  if (request.readableEnded) return;
  let timer: NodeJS.Timeout;
  const reset = () => {
    clearTimeout(timer);
    if (stream.destroyed) return;
    // the stream is half closed here once the last frame of its answer has been sent
    if (stream.state.localClose === 1) stream.close(constants.NGHTTP2_NO_ERROR);
    else timer = setTimeout(reset, LOOK_MS);
  };
  timer = setTimeout(reset, MOST_MS);
  stream.once('close', () => clearTimeout(timer));
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes < MOST_BYTES) return;
    request.pause();
    reset();
  });
}
