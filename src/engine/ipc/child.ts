import { cancelled } from '../../errors/deadline.ts';
import { serializeError } from '../../errors/index.ts';
import type { Call, Observation, Operations, ToChild, ToParent, Vitals } from './protocol.ts';

export interface CallContext {
  signal: AbortSignal;
  progress(done: number, total: number): void;
}

export type Handlers<O extends Operations> = {
  [K in keyof O]: (request: O[K]['request'], context: CallContext) => Promise<O[K]['reply']>;
};

export function send(message: ToParent): void {
  // the parent may end between the check and the write; then this process ends too, so the error does not matter
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

export function observe<W extends Observation['what']>(
  what: W,
  ...args: Extract<Observation, { what: W }>['args']
): void {
  send({ kind: 'observe', what, args } as Observation);
}

/**
 * Serves calls from the parent process. The child ends when its channel closes, so a killed parent leaves no orphan.
 * Signals are ignored: Ctrl-C reaches the whole process group, but the parent still has requests to finish.
 */
export function serveCalls<O extends Operations>(
  handlers: Handlers<O>,
  decoding: () => Vitals['decoding'] = () => null,
): void {
  const running = new Map<number, AbortController>();
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  process.on('SIGHUP', () => {});
  // process.exit would join the worker thread, and ending that during a run aborts with a core dump
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.on('message', (message: ToChild<O>) => {
    if (message.kind === 'cancel') {
      running.get(message.seq)?.abort(cancelled());
    } else if (message.kind === 'ping') {
      send({ kind: 'pong', vitals: { rss: process.memoryUsage.rss(), decoding: decoding() } });
    } else {
      void answer(message);
    }
  });

  const handle = <K extends keyof O>(operation: K, request: O[K]['request'], context: CallContext) =>
    handlers[operation](request, context);

  async function answer(call: Call<O>): Promise<void> {
    const controller = new AbortController();
    running.set(call.seq, controller);
    try {
      const value = await handle(call.operation, call.request, {
        signal: controller.signal,
        progress: (done, total) => send({ kind: 'progress', seq: call.seq, done, total }),
      });
      send({ kind: 'reply', seq: call.seq, value });
    } catch (error) {
      send({ kind: 'failure', seq: call.seq, error: serializeError(error) });
    } finally {
      running.delete(call.seq);
    }
  }
}
