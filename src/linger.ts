import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';

const TICK_MS = 250;
/** Longest time in which no byte arrives, and longest time in all. They are lingering_timeout and lingering_time of nginx. */
const SILENT_MS = 5000;
const MOST_MS = 30_000;

/**
 * Prepares the end of a connection whose request is answered before its body has arrived, when the answer closes the connection. The rest of
 * the body is read and dropped after the answer. A socket that is closed with unread bytes in it sends a reset instead, and a client that is
 * still sending loses an answer that it has not read yet.
 */
export function linger(request: IncomingMessage): void {
  const { socket } = request;
  const close = socket.destroySoon;
  // Node.js calls this when the answer has been sent
  socket.destroySoon = () => {
    socket.destroySoon = close;
    if (request.complete) socket.destroySoon();
    else dropRest(request);
  };
}

function dropRest(request: IncomingMessage): void {
  const { socket } = request;
  let bytes = socket.bytesRead;
  let silent = 0;
  let ticks = 0;
  const end = () => {
    clearInterval(timer);
    socket.destroySoon();
  };
  const timer = setInterval(() => {
    ticks++;
    silent = socket.bytesRead === bytes ? silent + 1 : 0;
    bytes = socket.bytesRead;
    if (closing(socket) || silent * TICK_MS >= SILENT_MS || ticks * TICK_MS >= MOST_MS) end();
  }, TICK_MS);
  // the client learns from this that the answer is complete
  socket.end();
  socket.once('close', () => clearInterval(timer));
  request.once('end', end).unpipe();
  request.resume();
}

/** Whether the server no longer listens: a shutdown does not wait for clients that have their answer. */
function closing(socket: Socket): boolean {
  // Node.js gives every accepted socket its server
  const { server } = socket as Socket & { server?: Server };
  return server?.listening === false;
}
