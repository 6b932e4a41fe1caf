import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { deserializeError } from '../../errors/index.ts';
import { entryModule } from '../../installation.ts';
import { EngineLost } from './engine-lost.ts';
import type { Observation, Operations, ToParent } from './protocol.ts';

export interface CallOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  onProgress: ((done: number, total: number) => void) | undefined;
  detach(): void;
}

export interface LinkOptions {
  /** Module to run, relative to engine/ and without its ending; see `entryModule`. */
  module: string;
  env: Record<string, string>;
  /** Options of node for the child, beside the parent's own. */
  execArgv?: string[];
  onObservation?(observation: Observation): void;
  /** Called for each message of any kind: the process answers. */
  onMessage?(message: ToParent): void;
  onExit(info: { code: number | null; signal: NodeJS.Signals | null }): void;
}

/**
 * One child process and the calls in progress on it. When the child ends, for any reason, every call fails with EngineLost,
 * so no call hangs. A link serves one process; a new process gets a new link.
 */
export class ProcessLink<O extends Operations> {
  readonly child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  /** Calls that the child has not answered yet, including calls that were cancelled here. */
  readonly #inside = new Set<number>();
  #seq = 0;
  #ended = false;

  constructor(options: LinkOptions) {
    this.child = fork(fileURLToPath(entryModule(`engine/${options.module}`)), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // ONNX Runtime's telemetry would resolve a host of its maker and store a device id in the home directory
      env: { ...process.env, ...options.env, ORT_DISABLE_TELEMETRY: '1' },
      // flags of a test runner or debugger apply to the parent only
      execArgv: [...process.execArgv.filter((a) => !/^--(test|inspect|watch)/.test(a)), ...(options.execArgv ?? [])],
    });
    this.child.on('message', (message) => this.#receive(message as ToParent, options));
    this.child.on('error', () => this.#end());
    this.child.on('exit', (code, signal) => {
      this.#end();
      options.onExit({ code, signal });
    });
  }

  /** Number of calls that the child has not answered, cancelled calls included. */
  get inside(): number {
    return this.#inside.size;
  }

  ping(): void {
    if (this.child.connected) this.child.send({ kind: 'ping' }, ignore);
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  call<K extends keyof O & string>(
    operation: K,
    request: O[K]['request'],
    options: CallOptions = {},
  ): Promise<O[K]['reply']> {
    const { signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#ended || !this.child.connected) return Promise.reject(new EngineLost());
    const seq = ++this.#seq;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        if (!this.#pending.delete(seq)) return;
        if (this.child.connected) this.child.send({ kind: 'cancel', seq }, ignore);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(seq, {
        resolve: resolve as (value: unknown) => void,
        reject,
        onProgress: options.onProgress,
        detach: () => signal?.removeEventListener('abort', onAbort),
      });
      this.#inside.add(seq);
      // a failed send means that the channel is closed; the exit event follows and rejects all pending calls
      this.child.send({ kind: 'call', seq, operation, request }, ignore);
    });
  }

  #receive(message: ToParent, options: LinkOptions): void {
    options.onMessage?.(message);
    if (message.kind === 'pong') return;
    if (message.kind === 'observe') {
      options.onObservation?.(message);
      return;
    }
    if (message.kind !== 'progress') this.#inside.delete(message.seq);
    const pending = this.#pending.get(message.seq);
    if (!pending) return;
    if (message.kind === 'progress') {
      pending.onProgress?.(message.done, message.total);
      return;
    }
    this.#pending.delete(message.seq);
    pending.detach();
    if (message.kind === 'reply') pending.resolve(message.value);
    else pending.reject(deserializeError(message.error));
  }

  #end(): void {
    this.#ended = true;
    for (const pending of this.#pending.values()) {
      pending.detach();
      pending.reject(new EngineLost());
    }
    this.#pending.clear();
    this.#inside.clear();
  }

  /** Closes the channel, so that the child finishes by itself; kills it after `graceMs`. */
  async close(graceMs = 5000): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    if (this.child.connected) this.child.disconnect();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), graceMs);
    await exited;
    clearTimeout(timer);
  }
}

function ignore(): void {}
