import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { pairs, requestHeaders } from './headers.ts';
import type { Upstream } from './upstream.ts';

export interface UpgradeOptions {
  target: string;
  forwarded: 'append' | 'replace' | 'off';
  onFailure(error: unknown): void;
}

function head(status: number, message: string | undefined, headers: [string, string][]): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `HTTP/1.1 ${status} ${message ?? STATUS_CODES[status] ?? ''}\r\n${lines}\r\n`;
}

/** An HTTP/1.1 upgrade such as WebSocket. If the upstream accepts, both connections are joined; else its answer is relayed. */
export function upgrade(
  request: IncomingMessage,
  socket: Duplex,
  first: Buffer,
  upstream: Upstream,
  { target, forwarded, onFailure }: UpgradeOptions,
): void {
  const headers = requestHeaders(request, { forwarded, host: upstream.host, upgrade: true });
  let through = false;
  const { request: sent, answer } = upstream.open(
    { method: request.method as string, target, headers },
    (reply, peer, firstBack) => {
      through = true;
      socket.off('close', leave);
      socket.write(head(101, reply.statusMessage, pairs(reply.rawHeaders)), 'latin1');
      if (firstBack.length > 0) socket.write(firstBack);
      if (first.length > 0) peer.write(first);
      // when either side ends, both connections end
      const end = () => {
        socket.destroy();
        peer.destroy();
      };
      peer.on('error', end).once('close', end);
      socket.on('error', end).once('close', end);
      peer.pipe(socket);
      socket.pipe(peer);
    },
  );
  const leave = () => sent.destroy();
  socket.on('error', leave).once('close', leave);
  answer.then(
    (reply) => {
      const kept = pairs(reply.rawHeaders).filter(
        ([name]) => !/^(?:connection|keep-alive|transfer-encoding|content-length)$/i.test(name),
      );
      socket.write(head(reply.statusCode as number, reply.statusMessage, [...kept, ['Connection', 'close']]), 'latin1');
      reply.pipe(socket);
      reply.once('error', () => socket.destroy());
    },
    (error) => {
      // after a successful upgrade there is no ordinary answer
      if (socket.destroyed || through) return;
      onFailure(error);
      socket.end(
        head(502, undefined, [
          ['Content-Length', '0'],
          ['Connection', 'close'],
        ]),
      );
    },
  );
  sent.end();
}
