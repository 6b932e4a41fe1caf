import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { FastifyServerFactory } from 'fastify';

/** Connections that may be open at once; more are closed at once. */
const MOST_CONNECTIONS = 1024;
/** Calls that a connection may have in progress; clients keep more waiting. */
const MOST_STREAMS = 128;
/** Metadata of a call, bytes. */
const MOST_METADATA = 16 * 1024;
/** Memory of a connection for headers and unsent data, MiB. */
const SESSION_MIB = 16;
/** Bytes that a client may send ahead, of a call and of a connection. */
const WINDOW = 2 ** 20;
/** Interval of pings on a connection, and the time after which a connection without an answer is closed. */
const PING_MS = 30_000;
const PONG_MS = 20_000;

/** Closes a connection whose client does not answer, so that it does not hold memory and calls for ever. */
function keepAlive(session: ServerHttp2Session): void {
  let answered: NodeJS.Timeout | undefined;
  const ping = setInterval(() => {
    answered ??= setTimeout(() => session.destroy(), PONG_MS).unref();
    session.ping((error) => {
      if (error) return;
      clearTimeout(answered);
      answered = undefined;
    });
  }, PING_MS).unref();
  session.once('close', () => {
    clearInterval(ping);
    clearTimeout(answered);
  });
}

export interface GrpcServer {
  factory: FastifyServerFactory<Http2Server>;
  /** No new calls on open connections. They close once their calls have ended. */
  closeIdleConnections(): void;
  closeAllConnections(): void;
}

/** A server of HTTP/2 without TLS, whose connections and calls are bounded. */
export function grpcServer(): GrpcServer {
  const sessions = new Set<ServerHttp2Session>();
  return {
    factory: (handler) => {
      const server = createServer({
        maxSessionMemory: SESSION_MIB,
        settings: {
          maxConcurrentStreams: MOST_STREAMS,
          maxHeaderListSize: MOST_METADATA,
          initialWindowSize: WINDOW,
        },
      });
      server.on('request', handler);
      server.maxConnections = MOST_CONNECTIONS;
      server.on('session', (session) => {
        sessions.add(session);
        session.once('close', () => sessions.delete(session));
        session.setLocalWindowSize(WINDOW);
        keepAlive(session);
      });
      // the session of a client that does not follow HTTP/2 is already closed then
      server.on('sessionError', () => {});
      return server;
    },
    closeIdleConnections: () => {
      for (const session of sessions) if (!session.closed) session.close();
    },
    closeAllConnections: () => {
      for (const session of sessions) session.destroy();
    },
  };
}
