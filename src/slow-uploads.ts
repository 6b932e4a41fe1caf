import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/** Longest interval in which uploads are looked at, milliseconds. */
const CHECK_MS = 1000;

export interface UploadRateLimit {
  /** Bytes per second below which an upload is ended; 0 for no limit. */
  bytesPerSecond: number;
  /** Time of an upload before its rate counts, milliseconds. */
  graceMs: number;
}

interface Upload {
  request: IncomingMessage;
  socket: Socket;
  /** Start of the time over which the rate is computed, on the clock of `performance.now`. */
  fromMs: number;
  /** Bytes that the connection had received at that time. */
  fromBytes: number;
}

/**
 * Ends uploads whose bytes arrive too slowly, as Node.js ends those that exceed `requestTimeout`: by the server's event `clientError` with
 * the code ERR_HTTP_REQUEST_TIMEOUT. Time in which this process does not read the body is not counted.
 */
export class SlowUploads {
  readonly #server: Server;
  readonly #limit: UploadRateLimit;
  readonly #uploads = new Set<Upload>();
  #timer: NodeJS.Timeout | undefined;

  constructor(server: Server, limit: UploadRateLimit) {
    this.#server = server;
    this.#limit = limit;
  }

  /** Call it once for each request, when its head has arrived. */
  watch(request: IncomingMessage): void {
    const { bytesPerSecond, graceMs } = this.#limit;
    if (bytesPerSecond === 0 || request.complete) return;
    const length = request.headers['content-length'];
    // bodies that would have to arrive within the grace hold little memory, and are most of all requests
    if (
      length === undefined ? !request.headers['transfer-encoding'] : Number(length) * 1000 <= bytesPerSecond * graceMs
    )
      return;
    const { socket } = request;
    this.#uploads.add({ request, socket, fromMs: performance.now(), fromBytes: socket.bytesRead });
    this.#timer ??= setInterval(() => this.#look(), Math.min(CHECK_MS, graceMs / 2)).unref();
  }

  #look(): void {
    const now = performance.now();
    for (const upload of this.#uploads) {
      const { request, socket } = upload;
      if (request.complete || request.destroyed || socket.destroyed) this.#uploads.delete(upload);
      else if (this.#waits(upload)) {
        upload.fromMs = now;
        upload.fromBytes = socket.bytesRead;
      } else if (this.#isSlow(upload, now)) {
        this.#uploads.delete(upload);
        const error = new Error('The upload is slower than the limit.');
        this.#server.emit('clientError', Object.assign(error, { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket);
      }
    }
    if (this.#uploads.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Whether the client waits for this process: it has not begun to read, is behind, or has not asked for the body yet. */
  #waits({ request, socket, fromBytes }: Upload): boolean {
    if (request.readableFlowing === null || request.readableLength > 0) return true;
    return request.headers.expect !== undefined && socket.bytesRead === fromBytes;
  }

  #isSlow({ socket, fromMs, fromBytes }: Upload, now: number): boolean {
    const { bytesPerSecond, graceMs } = this.#limit;
    const elapsedMs = now - fromMs;
    return elapsedMs > graceMs && (socket.bytesRead - fromBytes) * 1000 < bytesPerSecond * elapsedMs;
  }
}
