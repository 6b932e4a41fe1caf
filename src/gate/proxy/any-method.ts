import { type IncomingMessage, METHODS, type Server, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/**
 * Methods that Node's parser has never heard of. It gives up on such a request at its first line; here the line gets a method it
 * knows, the connection goes back to the server, and the request its own name again before anybody sees it. So that everything
 * else (framing, limits, timeouts, routes) is as for any other request, and others cost nothing.
 */
const KNOWN = new Set(METHODS);
const STAND_IN = 'POST';
/** In capitals alone: Node writes methods to an upstream that way, whatever they were. */
const METHOD = /^(?:\r?\n)*([!#$%&'*+.^_`|~0-9A-Z-]{1,64}) (?=[!-~])/;

/** A connection with what its parser could not read in front again. */
class Rejoined extends Duplex {
  readonly root: Socket;
  /** Of its first request; undefined once that is known. */
  method: string | undefined;
  bytesRead: number;
  readonly #onData = (chunk: Buffer) => {
    this.bytesRead += chunk.length;
    if (!this.push(chunk)) this.root.pause();
  };
  readonly #onEnd = () => this.push(null);
  readonly #onTimeout = () => this.emit('timeout');
  readonly #onClose = () => this.destroy();
  #detached = false;

  constructor(root: Socket, method: string, first: Buffer) {
    super({ allowHalfOpen: true });
    this.root = root;
    this.method = method;
    this.bytesRead = first.length;
    this.push(first);
    // the listeners of the parser that gave up; adding one takes the connection out of its hands
    root.removeAllListeners('data').removeAllListeners('end').removeAllListeners('timeout');
    root.setTimeout(0);
    root.on('data', this.#onData).on('end', this.#onEnd).on('timeout', this.#onTimeout).on('close', this.#onClose);
  }

  get remoteAddress(): string | undefined {
    return this.root.remoteAddress;
  }

  /** Lets go of the connection without ending it. */
  detach(): Socket {
    this.#detached = true;
    const { root } = this;
    root.off('data', this.#onData).off('end', this.#onEnd);
    root.off('timeout', this.#onTimeout).off('close', this.#onClose);
    this.destroy();
    return root;
  }

  /** Where the server sets how long an idle connection is kept. */
  setTimeout(ms: number): this {
    this.root.setTimeout(ms);
    return this;
  }

  override _read(): void {
    this.root.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    if (this.root.write(chunk)) callback();
    else {
      const settle = () => {
        this.root.off('drain', settle).off('close', settle);
        callback();
      };
      this.root.on('drain', settle).on('close', settle);
    }
  }

  override _final(callback: () => void): void {
    this.root.end(callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.#detached) this.root.destroy();
    callback(error);
  }
}

/** What the server's 'clientError' brings. */
export type ParseError = NodeJS.ErrnoException & { rawPacket?: Buffer };

type Connection = Socket | Rejoined;

export class AnyMethod {
  /** Bytes of a connection up to the end of its last request that is answered; undefined while one is under way. */
  readonly #boundaries = new WeakMap<Duplex, number | undefined>();
  /** Connections whose parser is done with them, and may yet complain of the time it takes. */
  readonly #left = new WeakSet<Duplex>();

  /** To be called with every request before anything reads its method. */
  seen(request: IncomingMessage, response: ServerResponse): void {
    const connection = request.socket as Connection;
    if (connection instanceof Rejoined && connection.method !== undefined) {
      request.method = connection.method;
      connection.method = undefined;
    }
    this.#boundaries.set(connection, undefined);
    response.once('finish', () => {
      if (request.complete) this.#boundaries.set(connection, connection.bytesRead);
    });
  }

  /** Whether the parser's complaint is of no interest any more. */
  left(connection: Duplex): boolean {
    return this.#left.has(connection);
  }

  /**
   * Takes up a request that the parser has given up. False where it is no matter of the method, or where it can not be told
   * with certainty that the packet at hand is the beginning of a request: pipelined behind another, or torn within its method.
   */
  takeUp(server: Server, error: ParseError, connection: Duplex): boolean {
    if (!(connection instanceof Socket || connection instanceof Rejoined)) return false;
    const { rawPacket } = error;
    const boundary = this.#boundaries.has(connection) ? this.#boundaries.get(connection) : 0;
    if (rawPacket === undefined || boundary !== connection.bytesRead - rawPacket.length) return false;
    const line = METHOD.exec(rawPacket.toString('latin1', 0, 80));
    const method = line?.[1];
    if (!line || method === undefined || KNOWN.has(method)) return false;
    this.#left.add(connection);
    const first = Buffer.concat([Buffer.from(`${STAND_IN} `), rawPacket.subarray(line[0].length)]);
    const root = connection instanceof Rejoined ? connection.detach() : connection;
    server.emit('connection', new Rejoined(root, method, first));
    return true;
  }
}
