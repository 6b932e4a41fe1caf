import { connect, type Socket } from 'node:net';

export interface Reply {
  status: number;
  body: string;
}

/** Content to send: a request line and headers are added, `Content-Length` is computed. */
export interface Post {
  path: string;
  contentType: string;
  /** Sent one after the other as one body. */
  body: Uint8Array[];
}

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/**
 * One kept-alive HTTP/1.1 connection with one request in progress at a time, straight on a socket. On a machine of two cores
 * the client takes its processor time from the service it measures, and a general HTTP client takes several times as much.
 * It reads replies with a Content-Length, which the service sends, and chunked ones, which some peers send.
 */
export class Connection {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;
  #waiting: Waiting | undefined;
  #received: Buffer = Buffer.alloc(0);

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
  }

  /** Rejects when the connection breaks before the reply is complete; the next call connects again. */
  post({ path, contentType, body }: Post): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#received = Buffer.alloc(0);
      const socket = this.#open();
      const length = body.reduce((sum, part) => sum + part.length, 0);
      socket.cork();
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: ${this.#host}:${this.#port}\r\nContent-Type: ${contentType}\r\nContent-Length: ${length}\r\n\r\n`,
      );
      for (const part of body) socket.write(part);
      socket.uncork();
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #open(): Socket {
    if (this.#socket && !this.#socket.destroyed && this.#socket.writable) return this.#socket;
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', (error) => this.#fail(socket, error));
    socket.on('close', () => this.#fail(socket, new Error('the connection was closed before the reply')));
    this.#socket = socket;
    return socket;
  }

  #fail(socket: Socket, error: Error): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  #read(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#received.toString('latin1', 0, end);
    const rest = this.#received.subarray(end + 4);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
    const isChunked = Number.isNaN(length) && /\r\ntransfer-encoding: *chunked/i.test(head);
    const body = isChunked ? joined(rest) : rest.length < length ? undefined : rest.subarray(0, length);
    if (!body) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (Number.isNaN(length) && !isChunked) waiting?.reject(new Error(`a reply without a length: ${head}`));
    else waiting?.resolve({ status: Number(head.slice(9, 12)), body: body.toString('utf8') });
    if (/\r\nconnection: *close/i.test(head)) {
      this.#socket?.destroy();
      this.#socket = undefined;
    }
  }
}

/** The content of a chunked body; undefined while its end is missing. */
function joined(bytes: Buffer): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    const begin = line + 2;
    if (line < 0 || bytes.length < begin + size + 2) return undefined;
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(begin, begin + size));
    at = begin + size + 2;
  }
}
