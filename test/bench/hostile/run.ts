/** Sends inputs over kept-alive connections and counts what became of each. */
import { connect, type Socket } from 'node:net';

/** Longest wait for an answer; past it the input counts as unanswered. */
export const PATIENCE_MS = 30_000;

export interface Counts {
  sent: number;
  /** Answers by status. */
  statuses: Record<string, number>;
  /** Answers of 5xx by status and code. */
  serverErrors: Record<string, number>;
  /** Inputs for which neither an answer nor, for a malformed request, a closed connection came. */
  unanswered: number;
  /** Malformed requests whose connection was closed without an answer. */
  closed: number;
  slowestMs: number;
  slowest: string;
}

export const counts = (): Counts => ({
  sent: 0,
  statuses: {},
  serverErrors: {},
  unanswered: 0,
  closed: 0,
  slowestMs: 0,
  slowest: '',
});

const add = (into: Record<string, number>, key: string) => {
  into[key] = (into[key] ?? 0) + 1;
};

/** Adds an answer; `name` says which input it belongs to. */
export function note(into: Counts, name: string, status: number, body: string, ms: number): void {
  add(into.statuses, String(status));
  if (status >= 500) {
    const code = /"code":"(\w+)"/.exec(body)?.[1] ?? 'no code';
    add(into.serverErrors, `${status} ${code}`);
  }
  if (ms > into.slowestMs) Object.assign(into, { slowestMs: ms, slowest: name });
}

export interface Exchange {
  status: number | undefined;
  body: string;
  /** How it ended: an answer, a closed connection without one, or no sign until PATIENCE_MS. */
  end: 'answer' | 'closed' | 'nothing';
}

/** One connection that is kept alive between messages where the peer allows it. */
export class Wire {
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(url: string) {
    this.#port = Number(new URL(url).port);
  }

  /** Sends bytes unchanged; `last` ends this side too, so that a request that is not complete gets its answer. */
  send(bytes: Buffer, last: boolean): Promise<Exchange> {
    const socket = this.#open();
    return new Promise((resolve) => {
      let received = '';
      const done = (end: Exchange['end']) => {
        clearTimeout(timer);
        socket.removeAllListeners('data').removeAllListeners('close');
        const status = /HTTP\/1\.1 ((?!100)\d{3})/.exec(received)?.[1];
        const answered = status !== undefined;
        if (last || end !== 'answer' || /\r\nconnection: close/i.test(received)) this.close();
        resolve({ status: answered ? Number(status) : undefined, body: received, end: answered ? 'answer' : end });
      };
      const timer = setTimeout(() => done('nothing'), PATIENCE_MS);
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1');
        if (whole(received)) done('answer');
      });
      socket.on('close', () => done('closed'));
      if (last) socket.end(bytes);
      else socket.write(bytes);
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #open(): Socket {
    if (this.#socket && !this.#socket.destroyed && this.#socket.writable) return this.#socket;
    this.#socket = connect({ host: '127.0.0.1', port: this.#port, noDelay: true });
    // a close follows, which is counted
    this.#socket.on('error', () => {});
    return this.#socket;
  }
}

/** Whether a final answer is complete, by its Content-Length or its last chunk. An interim answer is not final. */
function whole(text: string): boolean {
  const at = text.search(/HTTP\/1\.1 (?!100)\d{3}/);
  const end = text.indexOf('\r\n\r\n', Math.max(at, 0));
  if (at < 0 || end < 0) return false;
  const head = text.slice(at, end);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return text.length >= end + 4 + Number(length);
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) return text.endsWith('0\r\n\r\n');
  return /^HTTP\/1\.1 (204|304|101)/.test(head);
}
