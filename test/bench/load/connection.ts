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
 * It reads what the service sends: replies with a Content-Length.
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
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
    if (this.#received.length < end + 4 + length) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (Number.isNaN(length)) waiting?.reject(new Error(`a reply without Content-Length: ${head}`));
    else
      waiting?.resolve({
        status: Number(head.slice(9, 12)),
        body: this.#received.toString('utf8', end + 4, end + 4 + length),
      });
    if (/\r\nconnection: *close/i.test(head)) {
      this.#socket?.destroy();
      this.#socket = undefined;
    }
  }
}
