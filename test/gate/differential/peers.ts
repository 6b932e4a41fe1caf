import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A program that answers messages in order; each is four bytes of length (big endian) and JSON. */
export class Peer {
  readonly #process: ChildProcess;
  readonly #waiting: { resolve: (answer: unknown) => void; reject: (error: Error) => void }[] = [];
  #received = Buffer.alloc(0);
  #said = '';

  constructor(command: string, args: readonly string[], env: Record<string, string> = {}) {
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    this.#process.stdout?.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.#said = (this.#said + String(chunk)).slice(-600)));
    const end = () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`${command} has ended: ${this.#said}`));
    };
    this.#process.on('error', end).on('exit', end);
    this.#process.stdin?.on('error', end);
  }

  ask<T>(message: unknown): Promise<T> {
    const text = Buffer.from(JSON.stringify(message));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    this.#process.stdin?.write(Buffer.concat([length, text]));
    return new Promise((resolve, reject) =>
      this.#waiting.push({ resolve: resolve as (answer: unknown) => void, reject }),
    );
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.stdin?.end();
    await once(this.#process, 'exit');
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readUInt32BE(0);
      if (this.#received.length < end) return;
      const text = this.#received.toString('utf8', 4, end);
      this.#received = this.#received.subarray(end);
      this.#waiting.shift()?.resolve(JSON.parse(text));
    }
  }
}
